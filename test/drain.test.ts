import { readdir } from 'node:fs/promises';
import { setTimeout as pause } from 'node:timers/promises';
import { afterEach, describe, expect, it } from '@jest/globals';
import { ask, errorOf, refusedUpgrade } from './support/ask.js';
import { CdpClient } from './support/cdp-client.js';
import { startProcess, type CdpmuxProcess } from './support/cdpmux-process.js';
import { eventually } from './support/eventually.js';
import { processesNaming } from './support/processes.js';

/** Five times what stopping may take, ms. */
const SOON = 15_000;

/** Two SIGTERMs within this time are one, ms; a little longer than it is. */
const ONE_SIGNAL = 1_100;

const running: CdpmuxProcess[] = [];
afterEach(async () => {
  for (const cdpmux of running.splice(0)) await cdpmux.close();
});

async function start(...settings: string[]): Promise<CdpmuxProcess> {
  const set = ['log.level=info', ...settings].flatMap((one) => ['--set', one]);
  const cdpmux = await startProcess(set);
  running.push(cdpmux);
  return cdpmux;
}

const readiness = async ({ url }: CdpmuxProcess): Promise<string> => {
  const { status, body } = await ask(`${url}/readyz`);
  return `${status} ${body}`;
};
/** Waits until it lets nobody new in. */
const untilDraining = (cdpmux: CdpmuxProcess): Promise<void> =>
  eventually(() => cdpmux.err().includes('"draining"'), { what: 'the drain' });

async function expectEnd(cdpmux: CdpmuxProcess): Promise<void> {
  const late = AbortSignal.timeout(SOON);
  const tooLate = new Promise((resolve) => late.addEventListener('abort', () => resolve('too late')));
  expect(await Promise.race([cdpmux.exited, tooLate])).toEqual([0, null]);
  expect(processesNaming(cdpmux.tmp)).toEqual([]);
  expect(await readdir(cdpmux.tmp)).toEqual([]);
}

describe('SIGTERM', () => {
  it('lets who is there finish, turns others away, and ends with the last client', async () => {
    const cdpmux = await start('shutdown.timeout=1h');
    const [plain, mux] = await Promise.all([
      CdpClient.connect(cdpmux.wsUrl),
      CdpClient.connect(`${cdpmux.wsUrl}name/kept/`),
    ]);
    await mux.send('Mux.getInfo');
    const before = Date.now();
    cdpmux.kill('SIGTERM');

    const { params } = await mux.waitFor(({ method }) => method === 'Mux.draining');
    expect(params).toEqual({ deadline: expect.any(Number) });
    expect(params?.['deadline']).toBeGreaterThanOrEqual(before + 3_600_000);
    expect(params?.['deadline']).toBeLessThanOrEqual(Date.now() + 3_600_000);
    expect(await readiness(cdpmux)).toMatch(/^503 .*draining/);
    const refused = await refusedUpgrade(cdpmux.wsUrl);
    expect([refused.status, errorOf(refused)['code']]).toEqual([503, 'CLOSING']);
    expect(refused.headers['retry-after']).toMatch(/^\d+$/);
    // a further client of what is there already is no new one
    const joined = await CdpClient.connect(`${cdpmux.wsUrl}name/kept/`);

    // work goes on, and a client that does not use the Mux domain is told nothing
    const { sessionId } = await plain.newPage();
    const evaluate = { expression: '6 * 7' };
    expect(await plain.send('Runtime.evaluate', evaluate, sessionId)).toMatchObject({
      result: { value: 42 },
    });
    expect([...plain.events, ...joined.events].filter(({ method }) => method?.startsWith('Mux'))).toEqual([]);
    // who asks later is told after the answer
    await joined.send('Mux.getInfo');
    await joined.waitFor(({ method }) => method === 'Mux.draining');
    expect(joined.received.map(({ method }) => method)).toEqual([undefined, 'Mux.draining']);

    await Promise.all([plain.close(), mux.close()]);
    expect(cdpmux.err()).not.toContain('"stopping"');
    await joined.close();
    await expectEnd(cdpmux);
  }, 60_000);

  it('closes who is still there after shutdown.timeout, with 1001', async () => {
    const cdpmux = await start('shutdown.timeout=300');
    const client = await CdpClient.connect(cdpmux.wsUrl);
    cdpmux.kill('SIGTERM');
    expect(await client.closed).toEqual({ code: 1001, reason: 'cdpmux is stopping' });
    await expectEnd(cdpmux);
    expect(cdpmux.err()).toMatch(/"left":1,"msg":"drained"/);
  }, 60_000);

  it('ends it at once when nobody is connected, though a name is kept', async () => {
    const cdpmux = await start('shutdown.timeout=1h');
    expect((await ask(`${cdpmux.url}/json/list`)).status).toBe(200);
    await (await CdpClient.connect(cdpmux.wsUrl)).close();
    cdpmux.kill('SIGTERM');
    await expectEnd(cdpmux);
  }, 60_000);

  it('still lets clients in during shutdown.grace, though it is not ready; a second one ends it now', async () => {
    const cdpmux = await start('shutdown.grace=1h', 'shutdown.timeout=1h');
    cdpmux.kill('SIGTERM');
    // as npm does, which passes on what a supervisor sends to all processes of a service
    cdpmux.kill('SIGTERM');
    await untilDraining(cdpmux);
    await pause(ONE_SIGNAL);
    expect(await readiness(cdpmux)).toMatch(/^503 .*draining/);
    const client = await CdpClient.connect(cdpmux.wsUrl);
    expect(await client.send('Browser.getVersion')).toHaveProperty('product');
    cdpmux.kill('SIGTERM');
    expect((await client.closed).code).toBe(1001);
    await expectEnd(cdpmux);
  }, 60_000);

  it('turns away who waits for a place', async () => {
    const cdpmux = await start(
      'shutdown.timeout=1h',
      'browsers.max=1',
      'browsers.virtualPerBrowser=1',
      'queue.timeout=1h',
    );
    const client = await CdpClient.connect(cdpmux.wsUrl);
    const waiting = refusedUpgrade(cdpmux.wsUrl);
    const isWaiting = async (): Promise<boolean> =>
      (JSON.parse((await ask(`${cdpmux.url}/api/v1/status`)).body) as { waiting: number }).waiting === 1;
    await eventually(isWaiting, { what: 'a client that waits' });
    cdpmux.kill('SIGTERM');
    const refused = await waiting;
    expect([refused.status, errorOf(refused)['code']]).toEqual([503, 'CLOSING']);
    cdpmux.kill('SIGINT');
    expect((await client.closed).code).toBe(1001);
    await expectEnd(cdpmux);
  }, 60_000);
});
