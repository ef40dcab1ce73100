import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { Result } from './attack/arena.js';
import { everyCommand } from './attack/every-command.js';
import { extremes } from './attack/extremes.js';
import { leaving } from './attack/leaving.js';
import { named } from './attack/named.js';
import { openRing, type Ring } from './attack/ring.js';
import { commands } from './attack/protocol.js';

/** Of these Chrome goes on with something when their client has gone; `npm run attack` does it with all. */
const lasting = [
  ...['Page.startScreenRecording', 'Page.startScreencast', 'Page.captureScreenshot', 'Page.printToPDF'],
  ...['HeapProfiler.takeHeapSnapshot', 'Tracing.start'],
];

/** `npm run attack` looks after each command; here it is enough to know the few it was among. */
const LOOK_AFTER = 16;

/** `npm run attack` sends each command with each id from each session; here one of so many of these, others for each command. */
const ONE_OF = 7;

/** `npm run attack -- --part extremes` does it with all commands; here with one of so many. */
const EXTREMES_OF = 50;

describe('an attacker in one Chrome with a victim that has one of everything', () => {
  let ring: Ring;
  beforeAll(async () => void (ring = await openRing(1)), 60_000);
  afterAll(() => ring.close());

  it.each(named)(
    'learns nothing and changes nothing: $name',
    async (attack) => {
      const { leaks, tries } = await ring.arena.run(attack);
      expect(leaks).toEqual([]);
      expect(tries).toBeGreaterThan(0);
    },
    60_000,
  );

  it('learns nothing and changes nothing with any command of the protocol and the victim’s ids, from any session', async () => {
    const outcomes = await everyCommand(ring.arena, { lookAfter: LOOK_AFTER, oneOf: ONE_OF });
    expect(outcomes.flatMap(({ leaks }) => leaks)).toEqual([]);
    expect(outcomes).toHaveLength(new Set(commands.map(({ domain }) => domain)).size);
    // with 56 ids and 9 kinds of session; fewer mean that the protocol's parameters are not recognised any more
    expect(outcomes.reduce((sum, { tries }) => sum + tries, 0)).toBeGreaterThan(15_000 / ONE_OF);
  }, 240_000);

  it('ends nothing with values beyond all bounds', async () => {
    const results: Result[] = [];
    await extremes(ring.arena, { sample: { first: 0, oneOf: EXTREMES_OF } }, (result) =>
      results.push(result),
    );
    expect(results.flatMap(({ name, leaks }) => leaks.map((leak) => `${name}: ${leak}`))).toEqual([]);
    expect(results.length).toBeGreaterThan(400 / EXTREMES_OF);
  }, 120_000);

  it('changes nothing by leaving in the middle of a command', async () => {
    const results: Result[] = [];
    await leaving(ring.arena, lasting, (result) => results.push(result));
    expect(results.flatMap(({ leaks }) => leaks)).toEqual([]);
    expect(results).not.toEqual([]);
  }, 60_000);

  it('leaves the victim able to finish what it had begun', async () => {
    expect(await ring.arena.close()).toEqual([]);
  });
});
