import { describe, expect, it } from '@jest/globals';

import { heapAfterCollection } from '../bench/heap.js';
import { Directory } from '../src/mux/directory.js';
import type { VirtualBrowser } from '../src/virtual/virtual-browser.js';

const MANY = 20_000;

describe('ids that are remembered', () => {
  it('take little memory, since there may be a hundred thousand', async () => {
    const directory = new Directory();
    const before = await heapAfterCollection();
    const ids = Array.from({ length: MANY }, () => directory.mint());
    const each = ((await heapAfterCollection()) - before) * ((1024 * 1024) / MANY);
    expect(new Set(ids.map((id) => id.length))).toEqual(new Set([36]));
    expect(each).toBeLessThan(350);
  });

  it('take less when their virtual browsers have ended, of which a busy cdpmux has most', async () => {
    const directory = new Directory();
    const endOne = async (): Promise<string> => {
      const id = directory.mint();
      let end = (): void => undefined;
      await directory.open(id, undefined, (_id, { onEnd }) => {
        end = onEnd;
        // of which nothing is asked
        return Promise.resolve({} as VirtualBrowser);
      });
      end();
      return id;
    };
    for (let n = 0; n < 100; n++) await endOne();
    const before = await heapAfterCollection();
    for (let n = 1; n < MANY; n++) await endOne();
    const each = ((await heapAfterCollection()) - before) * ((1024 * 1024) / MANY);
    const last = await endOne();
    expect(() => directory.resolve(last)).toThrow('has ended');
    expect(each).toBeLessThan(100);
  });
});
