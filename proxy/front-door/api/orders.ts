import type { Mux } from '../../../src/index.js';
import { ConfigError } from '../../config.js';
import type { ReloadReport } from '../../reload.js';
import type { Log } from '../log.js';
import type { Call, Endpoint, Outcome, Reply } from './endpoint.js';
import { browserOf, browsersOf, queueOf, scopeOf, virtualBrowserOf } from './reads.js';
import * as schema from './schemas.js';

/** What orders need. */
export interface OrderOptions {
  readonly mux: Mux;
  /** Reads the configuration anew; rejects with a ConfigError, upon which nothing has changed. */
  readonly reload: () => Promise<ReloadReport>;
  readonly log: Log;
}

/** How the clients of a virtual browser are closed that an operator ends. */
const endedByOperator = { code: 4503, reason: 'ended by an operator' };
/** The same as when its client closes it. */
const endedByOwner = { code: 1000, reason: 'ended by its owner' };

/** What can be ordered; each order is in the log with who gave it. */
export function orders({ mux, reload, log }: OrderOptions): readonly Endpoint[] {
  const told = ({ guest }: Call, order: string, fields: object = {}): void =>
    log('info', `order: ${order}`, { ...fields, by: guest.tenant.name });

  const ofBrowser = (
    order: 'cordon' | 'uncordon' | 'drain' | 'recycle',
    status: 200 | 202,
    summary: string,
  ): Endpoint => ({
    method: 'POST',
    path: `/api/v1/browsers/{id}/${order}`,
    name: `${order}Browser`,
    summary,
    outcomes: {
      [status]: { description: 'The browser as it is now.', schema: schema.browser },
      409: conflict,
    },
    handle: (call) => {
      const before = browserOf(mux, call.id);
      mux[order](call.id);
      told(call, order, { browser: call.id });
      // one without clients may be gone already
      const after = browsersOf(mux).find(({ id }) => id === call.id);
      return { status, body: after ?? { ...before, state: 'draining' } };
    },
  });

  const ofAll = (order: 'pause' | 'resume', summary: string): Endpoint => ({
    method: 'POST',
    path: `/api/v1/${order}`,
    name: order,
    summary,
    outcomes: { 200: { description: 'The queue as it is now.', schema: schema.queue } },
    handle: (call) => {
      mux[order]();
      told(call, order);
      return { status: 200, body: queueOf(mux, call.guest) };
    },
  });

  return [
    ofBrowser('cordon', 200, 'Gives it no new virtual browsers; those that it has go on.'),
    ofBrowser('uncordon', 200, 'Takes a cordon back.'),
    ofBrowser(
      'drain',
      202,
      'Gives it no new virtual browsers, and closes it with its last one, or at `browsers.drainTimeout` with 4503.',
    ),
    ofBrowser('recycle', 202, 'Starts its successor, then drains it.'),
    ofAll('pause', 'Lets new clients wait; those that are connected go on.'),
    ofAll('resume', 'Takes a pause back.'),
    {
      method: 'POST',
      path: '/api/v1/reconnect',
      name: 'reconnect',
      summary: 'Recycles every browser, one after the other, for a new Chrome or new flags.',
      outcomes: { 202: { description: 'The browsers that will be.', schema: schema.browsers } },
      handle: (call) => {
        mux.reconnect();
        told(call, 'reconnect');
        return { status: 202, body: { browsers: browsersOf(mux) } };
      },
    },
    {
      method: 'POST',
      path: '/api/v1/reload',
      name: 'reload',
      summary: 'Reads the configuration anew, and applies what can be applied.',
      outcomes: {
        200: { description: 'What was applied, and what needs a restart.', schema: schema.reloaded },
        422: { description: 'The configuration is wrong; nothing has changed.', schema: schema.failure },
      },
      handle: () => reloaded(reload),
    },
    {
      method: 'DELETE',
      path: '/api/v1/virtual-browsers/{id}',
      name: 'endVirtualBrowser',
      summary:
        'Ends a virtual browser. Its clients are closed with 4503 on an admin’s order, with 1000 on that of its own token.',
      outcomes: { 204: { description: 'It has ended.' } },
      handle: (call) => {
        virtualBrowserOf(mux, call);
        const reason = call.guest.admin ? endedByOperator : endedByOwner;
        mux.endVirtualBrowser(call.id, reason, scopeOf(call.guest));
        told(call, 'end', { virtualBrowser: call.id });
        return { status: 204 };
      },
    },
  ];
}

const conflict: Outcome = {
  description: 'It makes no sense for a browser in that state.',
  schema: schema.failure,
};

async function reloaded(reload: () => Promise<ReloadReport>): Promise<Reply> {
  try {
    return { status: 200, body: await reload() };
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    const { message, problems } = error;
    return { status: 422, body: { error: { code: 'BAD_CONFIG', message, problems } } };
  }
}
