import { describe, expect, it } from '@jest/globals';
import { chart } from '../bench/charts.js';
import { compare, comparison, judge } from '../bench/compare.js';
import { isMet, type Figure, type Spread } from '../bench/figures.js';
import { readFlags, usage } from '../bench/flags.js';
import { topFunctions } from '../bench/profile.js';
import { suites } from '../bench/registry.js';
import { machineOf, markdown, type Report } from '../bench/report.js';
import { withBlock } from '../bench/results.js';
import { bucketBelow } from '../bench/scrape.js';

const spread = (median: number, by = 0.02, rounds = 5): Spread => ({
  median,
  low: median - by,
  high: median + by,
  rounds,
});

const figure = (name: string, ratio: Spread, more: Partial<Figure> = {}): Figure => ({
  suite: 'wire',
  name,
  unit: 'µs',
  direct: 100,
  cdpmux: 100 * ratio.median,
  ratio,
  ...more,
});

/** As it is after it was written and read again. */
const report = (...figures: Figure[]): Report =>
  JSON.parse(
    JSON.stringify({
      date: '2026-01-02T03:04:05.000Z',
      cdpmux: '0.1.0',
      kind: 'shell',
      version: 'HeadlessChrome/156.0',
      machine: machineOf([0, 0]),
      figures: figures.map((one) => ({ ...one, met: isMet(one) })),
    } satisfies Report),
  ) as Report;

const atMost = { of: 'ratio', relation: '<=', value: 1.25 } as const;
const alone = { direct: NaN, ratio: spread(NaN, NaN, 1), unit: 'MB', cdpmux: 90 } as const;

describe('a comparison of two results', () => {
  const changesOf = (before: Figure, after: Figure) => compare(report(before), report(after));

  it('takes for a loss what is over 10 % worse and beyond the spread of both', () => {
    const worse = changesOf(figure('p50', spread(1.2)), figure('p50', spread(1.4)));
    expect(worse).toMatchObject([{ name: 'wire: p50 (µs)', isBeyondNoise: true, isLoss: true }]);
    const noisy = changesOf(figure('p50', spread(1.2, 0.3)), figure('p50', spread(1.4, 0.3)));
    expect(noisy).toMatchObject([{ isBeyondNoise: false, isLoss: false }]);
    const little = changesOf(figure('p50', spread(1.2)), figure('p50', spread(1.3)));
    expect(little).toMatchObject([{ isBeyondNoise: true, isLoss: false }]);
  });

  it('knows where more is better', () => {
    const rate = { unit: 'commands/s' };
    const less = changesOf(figure('speed', spread(1), rate), figure('speed', spread(0.8), rate));
    expect(less).toMatchObject([{ isLoss: true }]);
    const more = changesOf(figure('speed', spread(0.8), rate), figure('speed', spread(1), rate));
    expect(more[0]?.gain).toBeCloseTo(0.25);
  });

  it('takes the figures themselves where there is no ratio, and leaves out what only one has', () => {
    const [change, ...others] = compare(
      report(figure('memory', spread(1), alone), figure('gone', spread(1))),
      report(figure('memory', spread(1), { ...alone, cdpmux: 120 }), figure('new', spread(1))),
    );
    expect(others).toEqual([]);
    expect(change).toMatchObject({ before: 90, after: 120, isLoss: true });
  });

  it('comes to exit code 1 where one figure is lost, and to 0 where none is', () => {
    const before = report(figure('a', spread(1)), figure('b', spread(1)));
    const lost = judge(before, report(figure('a', spread(1)), figure('b', spread(1.2))));
    expect(lost).toMatchObject({ exitCode: 1, text: expect.stringContaining('LOSS') });
    expect(judge(before, report(figure('a', spread(0.5)), figure('b', spread(1.05))))).toMatchObject({
      exitCode: 0,
    });
  });

  it('says what is worse first, and what differed beside', () => {
    const before = report(figure('a', spread(1)), figure('b', spread(1)), figure('c', spread(1)));
    const after = report(figure('a', spread(0.5)), figure('b', spread(2)), figure('c', spread(1)));
    const text = comparison({ ...before, kind: 'chrome' }, after, compare(before, after));
    expect(text.split('\n')).toEqual([
      'note: another kind of Chrome: chrome, shell',
      'LOSS     100 % worse  wire: b (µs): 1 to 2',
      '         50 % better  wire: a (µs): 1 to 0.5',
      '1 of 3 figures are within noise',
    ]);
  });
});

describe('a result', () => {
  it('is a table with a row for each figure, or for those that have something to reach', () => {
    const one = report(
      figure('p50', spread(1.2), { target: atMost }),
      figure('p99', spread(2)),
      figure('memory', spread(1), alone),
    );
    expect(markdown(one)).toContain('| p50 | 100 µs | 120 µs | 1.2 (1.18 to 1.22) | ratio <= 1.25 | met |');
    expect(markdown(one)).toContain('| memory |  | 90 MB |  |  |  |');
    expect(markdown(one, { onlyTargets: true })).not.toContain('p99');
  });

  it('is a chart that names each figure with a ratio', async () => {
    const svg = await chart(
      report(figure('latency alone', spread(1.2), { target: atMost }), figure('memory', spread(1), alone)),
      'wire',
    );
    expect(svg).toMatch(/^<svg /);
    expect(svg).toContain('latency alone');
    expect(svg).not.toContain('memory');
    expect(await chart(report(figure('memory', spread(1), alone)), 'wire')).toBeUndefined();
  });

  it('replaces what is between the marks in README, and nothing else', () => {
    const [begin, end] = [
      '<!-- benchmark: written by npm run bench -- --readme -->',
      '<!-- end of benchmark -->',
    ];
    expect(withBlock(`before ${begin} old ${end} after`, 'new')).toBe(
      `before ${begin}\n\nnew\n\n${end} after`,
    );
    expect(() => withBlock('no marks', 'new')).toThrow('has no block');
  });
});

describe('the command line of the benchmark', () => {
  it('takes suites by name, and names them where one is unknown', () => {
    expect(readFlags(['--suite', 'wire,connect'], suites).suites.map(({ name }) => name)).toEqual([
      'wire',
      'connect',
    ]);
    expect(() => readFlags(['--suite', 'wires'], suites)).toThrow(/--suite wires: one of wire, /);
    for (const { name } of suites) expect(usage(suites)).toContain(`\n  ${name} `);
  });

  it('does nothing but README where nothing else is asked for', () => {
    expect(readFlags(['--readme'], suites).onlyReadme).toBe(true);
    expect(readFlags(['--readme', '--suite', 'wire'], suites).onlyReadme).toBe(false);
  });
});

describe('what is read from elsewhere', () => {
  it('is the bucket of a histogram, counted between two scrapes', () => {
    const at = (low: number, high: number) =>
      new Map([
        ['h_bucket{le="1"}', low],
        ['h_bucket{le="5"}', high],
        ['h_bucket{le="+Inf"}', high + 1],
        ['h_count', high + 1],
      ]);
    expect(bucketBelow('h', 0.5, at(0, 0), at(60, 99))).toBe(1);
    expect(bucketBelow('h', 0.9, at(0, 0), at(60, 99))).toBe(5);
    expect(bucketBelow('h', 0.5, at(60, 60), at(60, 99))).toBe(5);
  });

  it('is where the time of a CPU profile went, without idling', () => {
    const callFrame = (functionName: string) => ({ functionName, url: 'file:///x/y.js', lineNumber: 4 });
    const nodes = ['(idle)', 'scan', 'copy'].map((name, id) => ({
      id,
      callFrame: { ...callFrame(name), url: name === '(idle)' ? '' : 'file:///x/y.js' },
    }));
    const samples = [0, 1, 2, 1];
    const timeDeltas = [9_000, 3_000, 2_000, 3_000];
    expect(topFunctions({ nodes, samples, timeDeltas }).map((line) => line.trim())).toEqual([
      '75.0 %        6 ms  scan y.js:5',
      '25.0 %        2 ms  copy y.js:5',
    ]);
  });
});
