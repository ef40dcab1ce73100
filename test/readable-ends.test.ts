import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { CdpClient } from './support/cdp-client.js';
import { startCdpmux, type TestCdpmux } from './support/cdpmux.js';
import { readers, textOf } from './support/readers.js';

/** Playwright's own for a page that was navigating; what goes with it, the reason, it keeps for other errors. */
const NAVIGATING = /^page.goto: Target page, context or browser has been closed/;
const SECRET = 'secret-of-one';

/** Never answers. */
const slow = createServer(() => undefined);
let slowUrl: string;
/** Ends them in all ways but one, and its last test stops it. */
let cdpmux: TestCdpmux;
/** Ends who is idle, and lets one in at a time. */
let quiet: TestCdpmux;

beforeAll(async () => {
  slow.listen(0, '127.0.0.1');
  await once(slow, 'listening');
  slowUrl = `http://127.0.0.1:${(slow.address() as AddressInfo).port}/`;
  [cdpmux, quiet] = await Promise.all([
    startCdpmux({
      'browsers.max': 1,
      'limits.targets': 4,
      'memory.interval': 200,
      'memory.virtual.softLimitMb': 60,
      'memory.virtual.hardLimitMb': 100,
    }),
    startCdpmux({
      'limits.idle': 6_000,
      'auth.tokens': JSON.stringify([{ name: 'one', secret: SECRET, maxVirtual: 1 }]),
      'policy.trust': 'local',
    }),
  ]);
}, 60_000);
afterAll(async () => {
  await Promise.all([cdpmux.close(), quiet.close()]);
  slow.closeAllConnections();
  slow.close();
});

/** What users of all libraries read, each with a virtual browser of its own, when something ends them. */
async function readings(url: string, end: () => unknown): Promise<Record<string, string>> {
  const all = await Promise.all(
    Object.entries(readers).map(async ([name, { wait }]) => [name, await wait(url, slowUrl)] as const),
  );
  await end();
  const read: Record<string, string> = {};
  for (const [name, waits] of all) {
    for (const [what, wait] of Object.entries(waits)) read[`${name}, ${what}`] = await textOf(wait);
  }
  return read;
}

/** All but the exception say why. */
function expectWhy(read: Record<string, string>, why: string | RegExp): void {
  const { 'Playwright, goto': navigating, ...others } = read;
  expect(navigating).toMatch(NAVIGATING);
  expect(Object.values(others)).toEqual(Array.from({ length: 7 }, () => expect.stringMatching(why)));
}

describe('what the user of a library reads', () => {
  it('is that an operator ended it', async () => {
    const order = async (): Promise<void> => {
      for (const { id } of cdpmux.mux.virtualBrowsers())
        await fetch(`${cdpmux.url}/api/v1/virtual-browsers/${id}`, { method: 'DELETE' });
    };
    expectWhy(await readings(cdpmux.wsUrl, order), 'ended by an operator');
  }, 60_000);

  it('is how much memory it held, and the setting', async () => {
    const grow = async (): Promise<void> => {
      for (const { id } of cdpmux.mux.virtualBrowsers()) {
        const client = await CdpClient.connect(`${cdpmux.wsUrl}devtools/browser/${id}`);
        const { sessionId } = await client.newPage();
        const expression = 'k=Array.from({length:150},()=>new Array(131072).fill(Math.random()));1';
        client.raw(
          JSON.stringify({ id: 1e6, method: 'Runtime.evaluate', params: { expression }, sessionId }),
        );
      }
    };
    const why = /memory: \d+ MB held, limit 100 MB \(memory\.virtual\.hardLimitMb\)/;
    expectWhy(await readings(cdpmux.wsUrl, grow), why);
  }, 60_000);

  it('is which limit of its own it has reached', async () => {
    const all = Object.entries(readers).map(async ([name, { open }]) => [
      name,
      await textOf(open(cdpmux.wsUrl, 4)),
    ]);
    for (const [name, text] of await Promise.all(all)) {
      expect([name, text]).toEqual([name, expect.stringContaining('limits.targets')]);
    }
  }, 60_000);

  it('is the same for what cdpmux asks of Chrome for it: a context, a page with other looks', async () => {
    const client = await CdpClient.connect(`${cdpmux.wsUrl}?userAgent=Somebody`);
    const [{ pid } = { pid: undefined }] = cdpmux.mux.browsers();
    if (!pid) throw new Error('there is no Chrome');
    process.kill(pid, 'SIGSTOP');
    try {
      const asked = [
        client.ask('Target.createBrowserContext'),
        client.ask('Target.createTarget', { url: 'about:blank' }),
      ];
      // answered without Chrome: by then both are on their way
      await client.send('Mux.getInfo');
      for (const { id } of cdpmux.mux.virtualBrowsers())
        await fetch(`${cdpmux.url}/api/v1/virtual-browsers/${id}`, { method: 'DELETE' });
      for (const { error } of await Promise.all(asked)) expect(error?.message).toBe('ended by an operator');
    } finally {
      process.kill(pid, 'SIGCONT');
    }
  }, 60_000);

  it('is that its Chrome was lost, and what to do', async () => {
    const kill = (): void => {
      for (const { pid } of cdpmux.mux.browsers()) if (pid) process.kill(pid, 'SIGKILL');
    };
    expectWhy(await readings(cdpmux.wsUrl, kill), /the browser was lost.*connect again/i);
  }, 60_000);

  it('is that cdpmux stops', async () => {
    expectWhy(await readings(cdpmux.wsUrl, () => cdpmux.close()), 'cdpmux is stopping');
  }, 60_000);

  it('is how long it was idle, and the setting', async () => {
    // who is idle longer than that ends, so each is alone
    const url = `${quiet.wsUrl}name/idle/?token=${SECRET}`;
    expectWhy(await readings(url, () => undefined), /idle: .* 6000 ms \(raise limits\.idle/);
  }, 60_000);

  it('is the quota of its token where the library shows an answer, else its status', async () => {
    // the one that it may have, and which outlives its clients
    const first = await CdpClient.connect(`${quiet.wsUrl}name/idle/?token=${SECRET}`);
    await first.close();
    const said: Record<string, string> = {};
    for (const [name, { open }] of Object.entries(readers))
      said[name] = await textOf(open(`${quiet.wsUrl}?token=${SECRET}`, 0));
    for (const text of Object.values(said)) expect(text).toContain('429');
    expect(said['Playwright']).toContain('maxVirtual');
  }, 60_000);
});
