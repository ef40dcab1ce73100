import type { ChromeExecutable } from '../../src/chrome/executable-types.js';
import { startCdpmux } from '../cdpmux.js';
import type { Closers } from '../closers.js';
import type { Figure } from '../figures.js';
import { alone } from './figure.js';
import { knock } from './knock.js';

/** Waits that are asked for, ms. */
const WAITS = [50, 200, 500, 1_000, 2_000];

/** What the queue is measured with. */
export interface QueueOptions {
  readonly executable: ChromeExecutable;
  readonly rounds: number;
  readonly closers: Closers;
}

/** How exactly those who wait in vain are told so when their time is over. */
export async function queueTimeouts({ executable, rounds, closers }: QueueOptions): Promise<Figure[]> {
  const cdpmux = await startCdpmux(executable, { settings: ['browsers.virtualPerBrowser=1'] });
  const close = closers.add(() => cdpmux.close());
  try {
    const holder = await knock(`${cdpmux.wsUrl}?initialPage=false`);
    const late: number[] = [];
    for (let round = 0; round < rounds; round++) {
      const answers = WAITS.map(async (wait) => {
        const { status, took } = await knock(`${cdpmux.wsUrl}?initialPage=false&queueTimeout=${wait}`);
        if (status !== 503) throw new Error(`one who waits in vain was answered with ${status}`);
        late.push(Math.abs(took - wait));
      });
      await Promise.all(answers);
    }
    await holder.leave();
    return [
      alone('pool', `queueTimeout, furthest off of ${late.length}`, 'ms', Math.max(...late), {
        relation: '<=',
        value: 50,
      }),
    ];
  } finally {
    await close();
  }
}
