import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { named } from './attack/named.js';
import { openRing, type Ring } from './attack/ring.js';
import { exclusiveUrl } from './support/exclusive.js';

describe('an attacker in a Chrome of its own, beside a victim in a shared one', () => {
  let ring: Ring;
  beforeAll(
    async () =>
      void (ring = await openRing(3, ({ victim, attacker }) => ({
        victim,
        attacker: { ...attacker, wsUrl: exclusiveUrl(attacker.wsUrl) },
      }))),
    60_000,
  );
  afterAll(() => ring.close());

  it.each(named.filter(({ isHeavy }) => isHeavy !== true))(
    'learns nothing of the victim or the machine, and changes nothing: $name',
    async (attack) => {
      const { leaks, tries } = await ring.arena.run(attack);
      expect(leaks).toEqual([]);
      expect(tries).toBeGreaterThan(0);
    },
    60_000,
  );

  it('leaves the victim able to finish what it had begun', async () => {
    expect(await ring.arena.close()).toEqual([]);
  });
});
