import { readFile } from 'node:fs/promises';
import { expect, it } from '@jest/globals';
import { StockMemory } from '../src/mux/stock-memory.js';
import { ReadyContext } from '../src/virtual/ready-context.js';
import { startChrome } from './support/chrome.js';
import { eventually } from './support/eventually.js';
import { openHost } from './support/hosted.js';

it('takes what is kept ready for as large as the processes of its pages are', async () => {
  const chrome = await startChrome();
  const hosted = await openHost(chrome.wsUrl);
  const { host } = hosted;
  try {
    const processes = async (): Promise<{ id: number; type: string }[]> =>
      (await host.upstream.request('SystemInfo.getProcessInfo', undefined, '')).processInfo;
    const renderers = async (): Promise<number[]> =>
      (await processes()).flatMap(({ id, type }) => (type === 'renderer' ? id : []));
    await eventually(async () => (await renderers()).length === 1, { what: 'the page that is there' });
    const memory = new StockMemory(host.upstream, true);
    const assumed = memory.mb;
    const measure = memory.begin();
    const ready = new ReadyContext(host, { way: {}, withSpare: true }, () => undefined);
    expect(await ready.complete).toBe(true);
    await measure();
    expect(memory.mb).not.toBe(assumed);
    let largest = 0;
    for (const id of await renderers()) {
      const status = await readFile(`/proc/${id}/status`, 'utf8');
      largest = Math.max(largest, Number(/^VmHWM:\s+(\d+) kB$/m.exec(status)?.[1]) / 1024);
    }
    // two processes, and what they share with others counts in part
    expect(memory.mb).toBeGreaterThan(largest / 10);
    expect(memory.mb).toBeLessThan(2 * largest);
    ready.discard();
  } finally {
    await hosted.close();
    await chrome.close();
  }
});

it('goes on with what it knows where it can measure nothing', async () => {
  const chrome = await startChrome();
  const hosted = await openHost(chrome.wsUrl);
  const { host } = hosted;
  try {
    const memory = new StockMemory(host.upstream, true);
    const assumed = memory.mb;
    // nothing was made in between
    await memory.begin()();
    expect(memory.mb).toBe(assumed);
  } finally {
    await hosted.close();
    await chrome.close();
  }
});
