import type { ChromeExecutable } from '../../src/chrome/executable-types.js';
import type { Closers } from '../closers.js';

/** What the load script is given. */
export interface LoadOptions {
  readonly executable: ChromeExecutable;
  readonly browsers: number;
  readonly operations: number;
  readonly softMb: number;
  readonly hardMb: number;
  readonly closers: Closers;
}

/** What a scenario measured, by name. */
export type Figures = Record<string, number | string>;

/** Something that is set up, done and judged on real Chromes; it throws what is wrong. */
export interface Scenario {
  readonly name: string;
  run(options: LoadOptions): Promise<Figures>;
}

/** Throws unless it is so. */
export function must(condition: boolean, what: string): void {
  if (!condition) throw new Error(what);
}
