import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { WebSocket } from 'ws';
import { startCdpmux, type TestCdpmux } from './support/cdpmux.js';
import { eventually } from './support/eventually.js';
import { QueueClient } from './support/queue-client.js';

/** Longest wait for anything, ms. */
const PATIENCE = 20_000;

describe('a client that joins what another one waits to have opened', () => {
  let cdpmux: TestCdpmux;
  let holder: QueueClient;

  beforeEach(async () => {
    cdpmux = await startCdpmux({
      'browsers.max': 1,
      'browsers.virtualPerBrowser': 1,
      'queue.timeout': 10 * PATIENCE,
      'policy.egress.mode': 'off',
    });
    holder = new QueueClient(cdpmux.wsUrl);
    expect(await holder.outcome).toEqual({ kind: 'served' });
  }, 60_000);
  afterEach(() => cdpmux.close());

  const come = (query = '', path = 'name/one/'): QueueClient =>
    new QueueClient(`${cdpmux.wsUrl}${path}${query}`);
  const waiting = (count: number): Promise<void> =>
    eventually(() => cdpmux.mux.stats().waiting === count, {
      within: PATIENCE,
      what: `${count} who wait`,
    });
  /** All upgrades that came in by now have been looked at. */
  const areIn = async (): Promise<void> => void (await fetch(`${cdpmux.url}/healthz`));
  const mintId = async (): Promise<string> => {
    const response = await fetch(`${cdpmux.url}/json/version`);
    const { webSocketDebuggerUrl } = (await response.json()) as { webSocketDebuggerUrl: string };
    return webSocketDebuggerUrl.slice(webSocketDebuggerUrl.indexOf('/devtools/') + 1);
  };

  it.each(['name', 'id'])(
    'is served when that one has gone: by %s',
    async (by) => {
      const path = by === 'name' ? 'name/one/' : await mintId();
      const first = come('', path);
      await waiting(1);
      const second = come('', path);
      await areIn();
      first.leave();
      await first.closed;
      holder.leave();
      expect(await second.outcome).toEqual({ kind: 'served' });
      second.leave();
    },
    60_000,
  );

  it('is served when that one goes while it is let in, at whatever moment', async () => {
    holder.leave();
    await holder.closed;
    const outcomes = [];
    for (let ms = 0; ms < 40; ms += 2) {
      const path = await mintId();
      const first = come('', path);
      const second = firstAnswer(`${cdpmux.wsUrl}${path}`);
      await delay(ms);
      first.leave();
      // 404 where that one had come and gone before this one was looked at
      outcomes.push(await second);
      expect(['answered', 'refused with 404']).toContain(outcomes.at(-1));
      await first.closed;
    }
    expect(outcomes).toContain('answered');
  }, 60_000);

  it('is served when that one cared to wait less', async () => {
    const first = come('?queueTimeout=1000');
    await waiting(1);
    const second = come();
    expect(await first.outcome).toMatchObject({ kind: 'refused', error: { code: 'QUEUE_TIMEOUT' } });
    holder.leave();
    expect(await second.outcome).toEqual({ kind: 'served' });
    second.leave();
  }, 60_000);

  it('is refused after its own time, and that one waits on', async () => {
    const first = come();
    await waiting(1);
    for (const queueTimeout of [0, 200]) {
      const second = come(`?queueTimeout=${queueTimeout}`);
      expect(await second.outcome).toMatchObject({
        kind: 'refused',
        status: 503,
        error: { code: 'QUEUE_TIMEOUT' },
      });
    }
    holder.leave();
    expect(await first.outcome).toEqual({ kind: 'served' });
    first.leave();
  }, 60_000);

  it('may go, and the other waits on', async () => {
    const first = come();
    await waiting(1);
    const second = come();
    await areIn();
    second.leave();
    expect(await second.outcome).toEqual({ kind: 'left' });
    holder.leave();
    expect(await first.outcome).toEqual({ kind: 'served' });
    first.leave();
    await eventually(() => cdpmux.mux.stats().clients === 0, { within: PATIENCE });
  }, 60_000);

  it('all are served, one of them having opened it, when the first has gone', async () => {
    const first = come();
    await waiting(1);
    const others = [come(), come(), come()];
    await areIn();
    first.leave();
    await first.closed;
    await waiting(1);
    holder.leave();
    for (const { outcome } of others) expect(await outcome).toEqual({ kind: 'served' });
    expect(cdpmux.mux.stats().virtualBrowsers).toBe(1);
    for (const one of others) one.leave();
  }, 60_000);
});

/** What comes of a client that asks one thing and goes. */
function firstAnswer(url: string): Promise<string> {
  const socket = new WebSocket(url, { perMessageDeflate: false });
  return new Promise((resolve) => {
    const done = (what: string): void => {
      resolve(what);
      socket.terminate();
    };
    socket.on('open', () => socket.send('{"id":1,"method":"Browser.getVersion"}'));
    socket.on('message', () => done('answered'));
    socket.on('unexpected-response', (_request, { statusCode }) => done(`refused with ${statusCode}`));
    socket.on('close', (code, reason) => done(`closed with ${code} ${reason.toString()}`));
    socket.on('error', () => undefined);
  });
}
