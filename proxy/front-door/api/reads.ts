import { z } from 'zod';
import {
  CdpmuxError,
  type BrowserReport,
  type Mux,
  type QueueReport,
  type VirtualBrowserReport,
} from '../../../src/index.js';
import type { Guest } from '../../auth/access.js';
import { ownVersion } from '../../version.js';
import type { Call, Endpoint } from './endpoint.js';
import type { EventStreams } from './event-stream.js';
import { withPoolName } from './pool-name.js';
import { choiceParameter, filter, LABEL, textParameter } from './query.js';
import * as schema from './schemas.js';

const pool = textParameter('Those of this pool.');
const browserId = textParameter('Those of the browser with this id.');
const tenant = textParameter('Those of the token with this name.');
const mode = choiceParameter('Those of this mode.', schema.mode);

/** What can be looked at, and nothing changes by it. */
export function reads(mux: Mux, streams: EventStreams): readonly Endpoint[] {
  const started = performance.now();
  return [
    {
      method: 'GET',
      path: '/api/v1/status',
      name: 'getStatus',
      summary: 'Figures of all for an admin, its own ones for any other token.',
      outcomes: {
        200: { description: 'The figures.', schema: z.union([schema.status, schema.tenantStatus]) },
      },
      handle: ({ guest }) => ok(guest.admin ? statusOf(mux, started) : ownStatus(mux, guest)),
    },
    {
      method: 'GET',
      path: '/api/v1/browsers',
      name: 'listBrowsers',
      summary: 'The browsers of all pools.',
      query: {
        pool,
        state: choiceParameter('Those in this state.', schema.browserState),
        mode,
        source: choiceParameter('Those from there.', schema.source),
      },
      outcomes: { 200: { description: 'The browsers.', schema: schema.browsers } },
      handle: ({ query }) => ok({ browsers: filter(browsersOf(mux), query) }),
    },
    {
      method: 'GET',
      path: '/api/v1/browsers/{id}',
      name: 'getBrowser',
      summary: 'One browser.',
      outcomes: { 200: { description: 'The browser.', schema: schema.browser } },
      handle: ({ id }) => ok(browserOf(mux, id)),
    },
    {
      method: 'GET',
      path: '/api/v1/virtual-browsers',
      name: 'listVirtualBrowsers',
      summary: 'The virtual browsers that are open: all for an admin, its own ones for any other token.',
      query: {
        pool,
        tenant,
        browser: browserId,
        mode,
        name: textParameter('The one of this name, of each token.'),
        [LABEL]: textParameter('Those with this label; several for those with all of them.'),
      },
      outcomes: { 200: { description: 'The virtual browsers.', schema: schema.virtualBrowsers } },
      handle: ({ guest, query }) => {
        mustBeToldApart(guest);
        return ok({ virtualBrowsers: filter(virtualBrowsersOf(mux, guest), query) });
      },
    },
    {
      method: 'GET',
      path: '/api/v1/virtual-browsers/{id}',
      name: 'getVirtualBrowser',
      summary: 'One virtual browser, of one’s own unless for an admin.',
      outcomes: { 200: { description: 'The virtual browser.', schema: schema.virtualBrowser } },
      handle: (call) => ok(virtualBrowserOf(mux, call)),
    },
    {
      method: 'GET',
      path: '/api/v1/connections',
      name: 'listConnections',
      summary: 'The connections to browsers.',
      query: {
        browser: browserId,
        state: choiceParameter('Those in this state.', schema.connectionState),
        transport: choiceParameter('Those that go this way.', schema.transport),
      },
      outcomes: { 200: { description: 'The connections.', schema: schema.connections } },
      handle: ({ query }) => ok({ connections: filter(mux.connections(), query) }),
    },
    {
      method: 'GET',
      path: '/api/v1/queue',
      name: 'getQueue',
      summary:
        'Who waits for a place: all for an admin, its own clients for any other token. With a filter, length and maxwait are of those who fit it.',
      query: {
        pool,
        tenant,
        priority: choiceParameter('Those as urgent as this.', schema.priority),
        mode,
      },
      outcomes: { 200: { description: 'The queue.', schema: schema.queue } },
      handle: ({ guest, query }) => {
        const report = queueOf(mux, guest);
        if (query.values.size === 0) return ok(report);
        const waiting = filter(report.waiting, query);
        const maxwaitMs = Math.max(0, ...waiting.map(({ ageMs }) => ageMs));
        return ok({ ...report, length: waiting.length, maxwaitMs, waiting });
      },
    },
    {
      method: 'GET',
      path: '/api/v1/events',
      name: 'listenToEvents',
      summary: 'What happens, as server-sent events; the data of each is an Event.',
      outcomes: {
        200: {
          description:
            'Events from now on, with `Last-Event-ID` those after it too, as far as they are kept.',
          type: 'text/event-stream',
        },
      },
      handle: ({ request, response, guest }) => {
        streams.open(request, response, guest.tenant);
        return undefined;
      },
    },
  ];
}

/** The reports of all browsers. */
export function browsersOf(mux: Mux): BrowserReport[] {
  return mux.browsers().map(withPoolName);
}

function virtualBrowsersOf(mux: Mux, guest: Guest): VirtualBrowserReport[] {
  return mux.virtualBrowsers(scopeOf(guest)).map(withPoolName);
}

/** The queue, as far as the guest may see it. */
export function queueOf(mux: Mux, guest: Guest): QueueReport {
  const report = mux.queue(scopeOf(guest));
  return { ...report, waiting: report.waiting.map(withPoolName) };
}

/** The report of one browser; throws NOT_FOUND. */
export function browserOf(mux: Mux, id: string): BrowserReport {
  const found = browsersOf(mux).find((one) => one.id === id);
  if (found) return found;
  throw new CdpmuxError(
    'NOT_FOUND',
    `No browser has the id ${id.slice(0, 100)}; /api/v1/browsers lists them.`,
  );
}

/** The report of one virtual browser that the guest may see; throws NOT_FOUND. */
export function virtualBrowserOf(mux: Mux, { guest, id }: Pick<Call, 'guest' | 'id'>): object {
  const found = virtualBrowsersOf(mux, guest).find((one) => one.id === id);
  if (found) return found;
  throw new CdpmuxError('NOT_FOUND', `No virtual browser that is open has the id ${id.slice(0, 100)}.`);
}

/** Whose things a guest sees: everybody's where undefined. */
export function scopeOf({ admin, tenant: { name } }: Guest): string | undefined {
  return admin ? undefined : name;
}

/** Strangers without tokens are one tenant, and the ids are all that keeps them apart. */
function mustBeToldApart({ admin, tenant }: Guest): void {
  if (admin || tenant.name !== '') return;
  const message =
    'Without tokens strangers (policy.trust=tenant) can’t be told apart, and a list would give away others’ ids; give each a token with auth.tokens.';
  throw new CdpmuxError('FORBIDDEN', message);
}

function statusOf(mux: Mux, started: number): object {
  const queue = mux.queueFigures();
  const uptimeMs = Math.round(performance.now() - started);
  return { version: ownVersion(), uptimeMs, ...mux.readiness(), ...mux.stats(), queue };
}

function ownStatus(mux: Mux, { tenant: own, quota }: Guest): object {
  return { tenant: own.name, ...quota, ...mux.tenantStats(own) };
}

function ok(body: object) {
  return { status: 200, body };
}
