import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { everyCommand } from './attack/every-command.js';
import { inBatches } from './attack/parties.js';
import { openRing, type Ring } from './attack/ring.js';

/** Those that name what may be another's; `npm run attack -- --batches` sends all. */
const only = [
  'Browser.getWindowForTarget',
  'Storage.getCookies',
  'Target.attachToTarget',
  'Target.closeTarget',
  'Target.disposeBrowserContext',
  'Target.getTargetInfo',
  'Target.getTargets',
];

describe('an attacker that sends its commands in batches', () => {
  let ring: Ring;
  beforeAll(async () => void (ring = await openRing(1, inBatches)), 60_000);
  afterAll(() => ring.close());

  it('reaches nothing that it would not reach singly', async () => {
    const outcomes = await everyCommand(ring.arena, { only, lookAfter: only.length });
    expect(outcomes.flatMap(({ leaks }) => leaks)).toEqual([]);
    expect(outcomes.reduce((sum, { tries }) => sum + tries, 0)).toBeGreaterThan(300);
    expect(await ring.arena.close()).toEqual([]);
  }, 120_000);
});
