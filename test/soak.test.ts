import { describe, expect, it } from '@jest/globals';

import { Random } from '../bench/chaos/random.js';
import { soakChart } from '../bench/soak/chart.js';
import { faultsOf, soakMarkdown, type SoakReport } from '../bench/soak/report.js';
import { growth, slopesOf, type Round } from '../bench/soak/series.js';
import { Tally } from '../bench/soak/tally.js';
import { ERRORS, fitLine, judge, trendLine } from '../bench/soak/trend.js';
import { workOf } from '../bench/soak/order.js';

/** An hour of rounds. */
const ROUNDS = 60;

function bell(random: Random): number {
  return Math.sqrt(-2 * Math.log(1 - random.next())) * Math.cos(2 * Math.PI * random.next());
}

/** An hour of noise of size 1, in which each value keeps that part of the one before, on top of a slope. */
function noise(random: Random, { kept, slope }: { kept: number; slope: number }): { x: number; y: number }[] {
  let last = bell(random);
  return Array.from({ length: ROUNDS }, (_, nth) => {
    last = kept * last + Math.sqrt(1 - kept * kept) * bell(random);
    const x = nth / ROUNDS;
    return { x, y: last + slope * x };
  });
}

function share(kept: number, slope: number): number {
  const random = new Random(1);
  const times = 300;
  const grew = Array.from({ length: times }, () => judge(trendLine(noise(random, { kept, slope })), 0.01));
  return grew.filter((trend) => trend === 'grows').length / times;
}

const HOUR: readonly Round[] = Array.from({ length: ROUNDS }, (_, nth) => ({
  hours: (nth + 1) / ROUNDS,
  values: { data: 20 + (nth % 3) * 0.1, fds: 27, ...(nth > 40 && { 'resource Timeout': 2 * (nth - 40) }) },
}));

function report(rounds: readonly Round[]): SoakReport {
  const machine = { cpu: 'x', cpus: 2, memoryMb: 1, kernel: '6', node: '22', load: [0, 0] as const };
  const fixed = {
    date: '2026-01-01',
    command: '',
    cdpmux: '0',
    kind: 'shell' as const,
    version: '1',
    machine,
  };
  const slopes = slopesOf(rounds, 0.2);
  return {
    ...fixed,
    seed: 1,
    clients: 1,
    warmUp: 0.2,
    rounds,
    slopes,
    totals: new Tally().totals,
    problems: [],
    unexplained: [],
  };
}

describe('the soak', () => {
  it('fits the line that is there', () => {
    const line = fitLine([0, 1, 2, 3].map((x) => ({ x, y: 5 - 2 * x })));
    expect(line).toEqual({ slope: -2, start: 5, error: 0, uncorrected: 0, correlation: 0 });
    expect(judge(line, 0.1)).toBe('falls');
  });

  it('takes noise for noise, also where neighbouring samples resemble each other', () => {
    for (const kept of [0, 0.5, 0.8]) expect([kept, share(kept, 0) < 0.05]).toEqual([kept, true]);
    // by the error of independent samples they would be growth, again and again
    const naive = fitLine(noise(new Random(3), { kept: 0.8, slope: 0 }));
    expect(naive.correlation).toBeGreaterThan(0.5);
  });

  it('finds a slope of a few times what it says that it would see', () => {
    const { error } = fitLine(noise(new Random(2), { kept: 0.5, slope: 0 }));
    expect(share(0.5, 3 * ERRORS * error)).toBeGreaterThan(0.95);
  });

  it('is unsure of what it has too few rounds for, and leaves alone what is too little', () => {
    expect(
      judge(
        fitLine([
          { x: 0, y: 1 },
          { x: 1, y: 2 },
        ]),
        0,
      ),
    ).toBe('unsure');
    expect(judge(fitLine([0, 1, 2, 3].map((x) => ({ x, y: x }))), 2)).toBe('too little to matter');
  });

  it('finds what grows late, and counts a kind of handle that was not there before as none', () => {
    const slopes = slopesOf(HOUR, 0.2);
    expect(growth(slopes)).toEqual([expect.stringMatching(/^grows: of them Timeout, by \d/)]);
    expect(slopes.find(({ key }) => key === 'fds')).toMatchObject({ mean: 27, trend: 'zero within error' });
  });

  it('says in words, in a table and in a chart what grows', async () => {
    const grown = report(HOUR);
    expect(faultsOf(grown)).toHaveLength(1);
    expect(soakMarkdown(grown)).toMatch(/\*\*grows: of them Timeout[^]*\| of them Timeout \|.*\| grows \|/);
    const svg = await soakChart(grown);
    expect(svg).toMatch(/^<svg/);
    expect(svg).toContain('of it without compiled code, MB');
    expect(faultsOf(report(HOUR.slice(0, 40)))).toEqual([]);
  });

  it('has no problem only where work was done, and all that nothing befell', () => {
    const tally = new Tally();
    const latency = { count: 0, p50: NaN, p99: NaN };
    const probed = { cdpmux: latency, direct: latency, entry: latency, ends: {}, outages: [], refusals: {} };
    const none = { onKilled: 0, onCut: 0, cutThemselves: 0, beforeAny: 0, endings: new Map(), problems: [] };
    expect(tally.problems).toEqual(['no unit was done']);
    tally.take({ ...none, units: 100, done: 100, others: [], share: 1 }, probed, new Map());
    expect(tally.problems).toEqual([]);
    const refusals = { 'Unexpected server response: 500': 1, 'Unexpected server response: 503': 4 };
    tally.take(
      { ...none, units: 2, done: 0, others: ['a', 'b'], share: 0 },
      { ...probed, refusals },
      new Map(),
    );
    expect(tally.problems).toEqual([
      'undocumented: a probe was told Unexpected server response: 500',
      'only 98.04 % of the units were done that nothing befell',
    ]);
  });

  it('does every kind of work in a few hundred units', () => {
    const done = new Set(Array.from({ length: 400 }, (_, unit) => workOf(unit)));
    expect(done.size).toBe(10);
  });
});
