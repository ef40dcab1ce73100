import { afterAll, describe, expect, it } from '@jest/globals';
import { Closers } from '../bench/closers.js';
import { plansOf, render, type Scene } from '../bench/fuzz-frames.js';
import { runFuzz } from '../bench/fuzz-run.js';
import { chromeExecutable } from './support/chrome.js';

const closers = new Closers();
afterAll(() => closers.run());

const random = Math.floor(Math.random() * 2 ** 31);

describe('mutated frames of real clients', () => {
  it.each([
    ['always the same', 20_260, 1_500],
    [`new each time (npm run fuzz -- --seed ${random})`, random, 600],
  ])(
    'crash nothing, are answered or waited for, leave nothing and disturb nobody: %s',
    async (_which, seed, frames) => {
      const report = await runFuzz({
        chrome: chromeExecutable(),
        seed,
        clients: 6,
        frames,
        duration: 60_000,
        heapBound: 30,
        closers,
      });
      expect(report.problems).toEqual([]);
      expect(report.frames).toBeGreaterThan(frames / 3);
      expect(report.answers).toBeGreaterThan(frames / 6);
      expect(report.bystander).toBeGreaterThan(0);
    },
    240_000,
  );

  it('are the same for the same seed, and of every kind', () => {
    const ids = { session: ['', 'S1'], target: ['T1'], context: ['C1'], object: ['1.2.3'] };
    const made = (): string[] => {
      let id = 0;
      const scene: Scene = { own: ids, foreign: ids, nextId: () => ++id };
      return plansOf(1, 2_000).map((plan) => render(plan, scene).data.toString('base64'));
    };
    expect(made()).toEqual(made());
    expect(new Set(plansOf(1, 20_000).map(({ op }) => op)).size).toBe(18);
  });
});
