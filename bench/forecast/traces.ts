import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { Random } from '../chaos/random.js';
import { projectRoot } from '../paths.js';

/** Sizes of one virtual browser, MB, one each 250 ms. */
export interface Trace {
  readonly name: string;
  readonly kind: string;
  readonly sizes: readonly number[];
}

/** Between two sizes, ms. */
export const STEP = 250;
/** So many sizes: a minute. */
const LENGTH = 240;

/** A shape as it goes on: the size at each step, given where it is and chance. */
type Shape = (random: Random) => (step: number) => number;

const noise = (random: Random, mb: number): number => (random.next() - 0.5) * mb;

/** Synthetic shapes; which of them meet 500 MB is seen from what they come to. */
const shapes: Readonly<Record<string, Shape>> = {
  leak: (random) => {
    const [start, rate] = [random.next() * 100, 2 + random.next() ** 2 * 60];
    return (step) => start + (rate * step * STEP) / 1_000 + noise(random, 6);
  },
  'leak with garbage': (random) => {
    const [rate, waste, period] = [4 + random.next() * 30, 20 + random.next() * 60, 8 + random.next() * 20];
    return (step) => 40 + (rate * step * STEP) / 1_000 + waste * ((step / period) % 1) + noise(random, 6);
  },
  sawtooth: (random) => {
    const [low, high] = [30 + random.next() * 120, 250 + random.next() * 220];
    const period = 12 + random.next() * 60;
    return (step) => low + (high - low) * ((step / period) % 1) + noise(random, 8);
  },
  burst: (random) => {
    const [at, high, width] = [40 + random.next() * 120, 150 + random.next() * 330, 2 + random.next() * 16];
    return (step) => 40 + (high - 40) * Math.min(1, Math.max(0, (step - at) / width)) + noise(random, 8);
  },
  plateau: (random) => {
    const [level, drift] = [100 + random.next() * 350, random.next() * 0.5];
    return (step) => level + (drift * step * STEP) / 1_000 + noise(random, 14);
  },
};

/** Traces of all shapes, the same for the same seed. */
export function synthetic(each: number, seed: number): Trace[] {
  const random = new Random(seed);
  return Object.entries(shapes).flatMap(([kind, shape]) =>
    Array.from({ length: each }, (_, nth) => {
      const sizeAt = shape(random);
      const sizes = Array.from({ length: LENGTH }, (_, step) => Math.max(0, sizeAt(step)));
      return { name: `${kind} ${nth}`, kind, sizes };
    }),
  );
}

/** Where recorded traces are. */
export const tracesDirectory = join(projectRoot, 'bench/traces');

/** Traces of real pages. */
export function recorded(): Trace[] {
  const names = readdirSync(tracesDirectory).filter((name) => name.endsWith('.json'));
  return names.map((name) => JSON.parse(readFileSync(join(tracesDirectory, name), 'utf8')) as Trace);
}
