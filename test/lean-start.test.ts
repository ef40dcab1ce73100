import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { describe, expect, it } from '@jest/globals';

/** Prints whether V8 optimised a busy function, and the bytes of its space for new objects after 8 MB of them stayed, in a lean start and after it. */
const PROGRAM = `
  import { getHeapSpaceStatistics } from 'node:v8';
  import { beginLeanStart, endLeanStart } from './dist/proxy/lean-start.js';

  const OPTIMIZED = 1 << 4;
  const newSpace = () => getHeapSpaceStatistics().find(({ space_name }) => space_name === 'new_space').space_size;
  const kept = [];
  const work = (name) => {
    const add = new Function('a', 'b', 'return a + b; // ' + name);
    for (let i = 0; i < 2e6; i++) add(i, 1);
    for (let i = 0; i < 1e5; i++) kept.push({ i, text: name + i });
    return { isOptimized: (%GetOptimizationStatus(add) & OPTIMIZED) !== 0, newSpace: newSpace() };
  };
  beginLeanStart();
  const lean = work('lean');
  endLeanStart();
  console.log(JSON.stringify({ lean, after: work('after') }));
`;

interface V8State {
  readonly isOptimized: boolean;
  readonly newSpace: number;
}

describe('a lean start', () => {
  it('has V8 optimise nothing and make no room until it is over, and both again from then on', async () => {
    const { stdout, stderr } = await promisify(execFile)(process.execPath, [
      '--allow-natives-syntax',
      // in the same thread, so that what is optimised is so by the time that is asked for
      '--no-concurrent-recompilation',
      '--input-type=module',
      '--eval',
      PROGRAM,
    ]);
    // of a flag that it doesn't know V8 complains there
    expect(stderr).toBe('');
    const { lean, after } = JSON.parse(stdout) as Record<'lean' | 'after', V8State>;
    expect([lean.isOptimized, after.isOptimized]).toEqual([false, true]);
    expect(after.newSpace).toBeGreaterThan(lean.newSpace * 1.5);
  });
});
