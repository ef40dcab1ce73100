import { describe, expect, it } from '@jest/globals';

import { heapAfterCollection } from '../bench/heap.js';
import { Directory } from '../src/mux/directory.js';

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
});
