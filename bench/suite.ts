import type { ChromeExecutable } from '../src/chrome/executable-types.js';
import { startCdpmux, type RunningCdpmux } from './cdpmux.js';
import type { Closers } from './closers.js';
import { startDirect, type DirectChrome, type DirectOptions } from './direct-chrome.js';
import type { Figure } from './figures.js';

/** A flag of the command line: with text as its default it takes a value, with false it is a switch. */
export interface Flag {
  readonly help: string;
  readonly default: string | false;
}

/** One suite of the benchmark; `registry.ts` lists them. */
export interface Suite {
  readonly name: string;
  /** What it measures, for the help. */
  readonly measures: string;
  /** Flags that only this suite has; those of all are in `flags.ts`. */
  readonly flags?: Readonly<Record<string, Flag>>;
  /** Not part of `--suite all`, since it takes long. */
  readonly byNameOnly?: boolean;
  /** Measures; what it starts it closes, or hands to `run.closers`, which are run after it. */
  run(run: SuiteRun): Promise<readonly Figure[]>;
}

/** Values of all flags by their names. */
export type FlagValues = Readonly<Record<string, string | boolean | undefined>>;

/** What a suite is given. Nothing runs beside it but what it asks for. */
export class SuiteRun {
  readonly executable: ChromeExecutable;
  /** Run when the suite is over, in reverse order. */
  readonly closers: Closers;
  /** What is written into the JSON beside the figures, by name. */
  readonly extras: Record<string, unknown> = {};
  /** Where CPU profiles go; undefined where none are asked for. */
  readonly cpuProfDir: string | undefined;
  readonly #flags: FlagValues;

  constructor(executable: ChromeExecutable, closers: Closers, flags: FlagValues, cpuProfDir?: string) {
    this.executable = executable;
    this.closers = closers;
    this.#flags = flags;
    this.cpuProfDir = cpuProfDir;
  }

  /** The value of a flag that is a number above 0; throws where it is none. */
  number(flag: string): number {
    const value = Number(this.#flags[flag]);
    if (!(value > 0)) throw new Error(`--${flag} ${String(this.#flags[flag])}: a number above 0`);
    return value;
  }

  /** The value of a flag that is numbers parted by commas. */
  numbers(flag: string): number[] {
    const values = String(this.#flags[flag]).split(',').map(Number);
    if (!values.every((value) => value >= 0)) {
      throw new Error(`--${flag} ${String(this.#flags[flag])}: numbers parted by commas`);
    }
    return values;
  }

  /** The value of a flag; undefined where it is not given. */
  text(flag: string): string | undefined {
    return String(this.#flags[flag] ?? '') || undefined;
  }

  /** Whether a switch is set. */
  isSet(flag: string): boolean {
    return this.#flags[flag] === true;
  }

  /** Starts a Chrome with nothing in front of it, with the page that it opens by itself or without; closed when the suite is over. */
  async direct(options: DirectOptions = {}): Promise<DirectChrome> {
    const direct = await startDirect(this.executable, options);
    return { ...direct, close: this.closers.add(() => direct.close()) };
  }

  /** Starts a cdpmux with these settings, profiled where that was asked for; closed when the suite is over. */
  async cdpmux(settings: readonly string[] = []): Promise<RunningCdpmux> {
    const cdpmux = await startCdpmux(this.executable, { cpuProfDir: this.cpuProfDir, settings });
    return { ...cdpmux, close: this.closers.add(() => cdpmux.close()) };
  }
}
