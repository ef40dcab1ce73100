import { describe, expect, it } from '@jest/globals';
import { UpgradeRate } from '../proxy/front-door/upgrade-rate.js';
import { everybody, type Tenant } from '../src/index.js';
import { RateLimit, TenantRates } from '../src/mux/rate-limit.js';

const stranger: Tenant = { name: 'ci', trust: 'tenant' };

describe('a rate limit', () => {
  it('lets a burst through at once, then one by one at the rate', () => {
    const limit = new RateLimit(100, 50);
    expect([1, 2, 3, 4, 5].map(() => limit.tryTake(1_000))).toEqual([0, 0, 0, 0, 0]);
    expect(limit.tryTake(1_000)).toBeCloseTo(10);
    expect(limit.tryTake(1_009)).toBeCloseTo(1);
    expect(limit.tryTake(1_010)).toBe(0);
    expect(limit.tryTake(1_010)).toBeCloseTo(10);
  });

  it('has its burst again after a pause, and no more than that', () => {
    const limit = new RateLimit(100, 50);
    for (let taken = 0; taken < 5; taken++) limit.tryTake(0);
    expect([1, 2, 3, 4, 5, 6].map(() => limit.tryTake(60_000) === 0)).toEqual([
      ...[true, true, true, true, true],
      false,
    ]);
  });

  it('of less than one in a burst lets one through', () => {
    const limit = new RateLimit(1, 10);
    expect(limit.tryTake(0)).toBe(0);
    expect(limit.tryTake(1)).toBeCloseTo(999);
    expect(limit.tryTake(1_000)).toBe(0);
  });

  it('takes what has come already, and says how long nothing more may come', () => {
    const limit = new RateLimit(1_000, 250);
    expect(limit.take(0, 250)).toBe(0);
    expect(limit.take(0, 1_000)).toBe(1_000);
    expect(limit.wait(400)).toBe(600);
    expect(limit.wait(1_000)).toBe(0);
  });
});

describe('auto', () => {
  it('lets this machine do as it likes and holds strangers, each token for itself', () => {
    const rates = new TenantRates('auto', 2_000);
    expect(rates.of(everybody)).toBeUndefined();
    const limit = rates.of(stranger);
    expect(rates.perSecond(stranger)).toBe(2_000);
    expect(rates.of({ ...stranger })).toBe(limit);
    expect(rates.of({ ...stranger, name: 'other' })).not.toBe(limit);
  });

  it('is what a number is not: it holds everybody, and 0 nobody', () => {
    expect(new TenantRates(5, 2_000).of(everybody)).toBeDefined();
    expect(new TenantRates(0, 2_000).of(stranger)).toBeUndefined();
  });
});

describe('the rate of upgrades', () => {
  const refusals = (rate: UpgradeRate, tenant: Tenant, address: string, count: number): unknown[] =>
    Array.from({ length: count }, () => {
      try {
        rate.check(tenant, address);
        return undefined;
      } catch (error) {
        return (error as Error).message;
      }
    }).filter((message) => message !== undefined);

  it('is counted for each address where there are no tokens, and for each token where there are', () => {
    const rate = new UpgradeRate(3);
    expect(refusals(rate, everybody, '192.0.2.1', 4)).toEqual([
      expect.stringMatching(/address 192\.0\.2\.1: 3 per second.*limits\.upgradesPerSecond/),
    ]);
    expect(refusals(rate, everybody, '192.0.2.2', 3)).toEqual([]);
    expect(refusals(rate, stranger, '192.0.2.1', 2)).toEqual([]);
    expect(refusals(rate, stranger, '192.0.2.3', 2)).toEqual([expect.stringContaining('token ci')]);
  });

  it('holds nobody of this machine by default, and strangers to 50', () => {
    const rate = new UpgradeRate('auto');
    expect(refusals(rate, everybody, '127.0.0.1', 500)).toEqual([]);
    expect(refusals(rate, stranger, '127.0.0.1', 52).length).toBeGreaterThan(0);
  });
});
