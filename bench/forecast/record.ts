import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { Renderers } from '../../src/chrome/renderers.js';
import type { ChromeExecutable } from '../../src/index.js';
import { startDirect } from '../direct-chrome.js';
import { pageOf } from '../evict/neighbours.js';
import { RawClient } from '../raw-client.js';
import { STEP, tracesDirectory, type Trace } from './traces.js';

const MB = 1024 * 1024;
/** Sizes of each, a quarter of a second apart. */
const LENGTH = 100;
const EMPTY_PAGE = 14;

const keep = (mb: string): string =>
  `k.push(...Array.from({length:${mb}},()=>new Array(131072).fill(Math.random())))`;
/** What real pages do, by name and kind. */
const pages: readonly (readonly [name: string, kind: string, expression: string])[] = [
  ['leak-slow', 'leak', `k=[];setInterval(()=>${keep('3')},200)`],
  ['leak-fast', 'leak', `k=[];setInterval(()=>${keep('10')},200)`],
  [
    'leak-dom',
    'leak',
    "setInterval(()=>{for(let n=0;n<20000;n++)document.body.append(document.createElement('p'))},300)",
  ],
  [
    'garbage',
    'sawtooth',
    'setInterval(()=>{for(let n=0;n<12;n++)new Array(131072).fill(Math.random())},100)',
  ],
  [
    'garbage-typed',
    'sawtooth',
    'setInterval(()=>{for(let n=0;n<5;n++)new Float64Array(262144).fill(1)},100)',
  ],
  ['cache', 'sawtooth', `k=[];setInterval(()=>{${keep('8')};if(k.length>220)k=[]},200)`],
  ['burst', 'burst', `k=[];setTimeout(()=>${keep('280')},8000)`],
  ['two-bursts', 'burst', `k=[];setTimeout(()=>${keep('180')},5000);setTimeout(()=>${keep('180')},12000)`],
  [
    'plateau',
    'plateau',
    `k=[];${keep('300')};setInterval(()=>k[0]=new Array(131072).fill(Math.random()),50)`,
  ],
];

/** Runs each page in a Chrome of its own and writes what it held. */
export async function record(executable: ChromeExecutable): Promise<void> {
  for (const [name, kind, expression] of pages) {
    const chrome = await startDirect(executable);
    try {
      const client = await RawClient.connect(chrome.wsUrl);
      const sessionId = await pageOf(client);
      const renderers = new Renderers(chrome.pid);
      await client.request('Runtime.evaluate', { expression: `${expression};1` }, sessionId);
      const sizes: number[] = [];
      while (sizes.length < LENGTH) {
        renderers.look();
        const largest = Math.max(0, ...[...renderers.all].map(({ own }) => own / MB - EMPTY_PAGE));
        sizes.push(Math.round(largest * 10) / 10);
        await delay(STEP);
      }
      client.close();
      const trace: Trace = { name, kind, sizes };
      await writeFile(join(tracesDirectory, `${name}.json`), `${JSON.stringify(trace)}\n`);
    } finally {
      await chrome.close();
    }
  }
}
