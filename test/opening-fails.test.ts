import { afterEach, describe, expect, it } from '@jest/globals';
import { tmpdir } from 'node:os';
import { loadConfig } from '../proxy/config.js';
import { everybody, Mux } from '../src/index.js';
import { refusedUpgrade } from './support/ask.js';
import { startCdpmux } from './support/cdpmux.js';
import { eventually } from './support/eventually.js';
import { exclusiveUrl } from './support/exclusive.js';

/** Servers that this process listens with. */
const listening = (): number =>
  process.getActiveResourcesInfo().filter((what) => what === 'TCPServerWrap').length;

describe('a virtual browser that does not come about', () => {
  let close: () => Promise<void> = () => Promise.resolve();
  afterEach(() => close());

  it('leaves no way out open, where its Chrome is lost before it is there', async () => {
    const cdpmux = await startCdpmux({ 'browsers.min': 0, 'policy.egress.mode': 'filter' });
    close = () => cdpmux.close();
    const { mux } = cdpmux;
    let killed = 0;
    mux.feed.listen(({ type, fields }) => {
      if (type !== 'browser.ready') return;
      const { pid } = mux.browsers().find(({ id }) => id === fields['browser'])!;
      process.kill(pid!, 'SIGKILL');
      killed++;
    });
    const before = listening();
    expect((await refusedUpgrade(exclusiveUrl(cdpmux.wsUrl))).status).toBe(503);
    expect(killed).toBeGreaterThan(0);
    await eventually(() => listening() === before, { what: 'the end of all ways out' });
  }, 60_000);

  it('is opened anew, where its Chrome is lost under one who has not been in it', async () => {
    const cdpmux = await startCdpmux({ 'browsers.min': 0, 'browsers.max': 2 });
    close = () => cdpmux.close();
    const { mux } = cdpmux;
    const admission = {
      tenant: everybody,
      path: { kind: 'browser', name: 'lost' },
      initialPage: true,
      labels: {},
      signal: new AbortController().signal,
    } as const;
    let killed = false;
    const opens = mux.admit(admission);
    const joins = mux.admit({
      ...admission,
      // looked at between the opening and the first that is asked for this client
      get mode(): 'shared' {
        const [browser] = mux.browsers();
        if (!killed && browser?.state === 'ready') {
          killed = true;
          process.kill(browser.pid!, 'SIGKILL');
        }
        return 'shared';
      },
    });
    const [first, second] = await Promise.all([opens, joins]);
    expect(killed).toBe(true);
    expect(second.virtualBrowserId).not.toBe(first.virtualBrowserId);
    expect(mux.virtualBrowsers().map(({ id }) => id)).toEqual([second.virtualBrowserId]);
    first.release();
    second.release();
  }, 60_000);

  it('counts for nobody, where its way out could not be opened', async () => {
    const { browsers, pools, connections, stock, batch, health, queue, limits, memory, policy } = loadConfig(
      {},
    );
    const { allowedSchemes, files } = policy;
    const mux = new Mux({
      version: '0',
      env: process.env,
      tmpDir: tmpdir(),
      browsers,
      pools,
      connections,
      stock,
      batch,
      health,
      queue,
      limits,
      memory,
      outgoing: { allowedSchemes, directories: files.allow, limits: limits.files },
      egress: {
        chromeFlags: [],
        open: () => {
          throw new Error('no way out');
        },
      },
    });
    close = () => mux.close(3_000);
    const caller = { tenant: everybody, quota: { maxVirtual: 1 } };
    await expect(mux.named(caller)).rejects.toThrow('no way out');
    await expect(mux.named(caller)).rejects.toThrow('no way out');
  }, 60_000);
});
