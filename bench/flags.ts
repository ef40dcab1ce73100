import { parseArgs } from 'node:util';

import type { BrowserKind } from '../src/chrome/executable-types.js';
import type { Flag, FlagValues, Suite } from './suite.js';

/** Flags that no single suite has to itself. */
const COMMON: Readonly<Record<string, Flag>> = {
  suite: { default: 'all', help: 'which suites, parted by commas, or all' },
  kind: { default: 'auto', help: 'auto, shell or chrome (auto: the headless shell where there is one)' },
  chrome: { default: '', help: 'the path of that very Chrome' },
  seconds: { default: '20', help: 'how long a suite that goes by time measures' },
  rounds: { default: '25', help: 'how often a suite that goes by rounds does each thing' },
  clients: { default: '20', help: 'how many clients, where a suite has a number of them' },
  json: { default: '', help: 'write the figures to this file, too' },
  'cpu-prof': { default: '', help: 'have cdpmux write CPU profiles of the suites to this directory' },
};

/** What the command line asks for. */
export interface Flags {
  readonly suites: readonly Suite[];
  readonly kind: BrowserKind;
  /** Undefined where not given, as in the next ones. */
  readonly chrome: string | undefined;
  readonly json: string | undefined;
  readonly cpuProf: string | undefined;
  /** All of them, for suites. */
  readonly values: FlagValues;
}

/** Reads the command line; throws an Error that says what is wrong with it. */
export function readFlags(args: readonly string[], all: readonly Suite[]): Flags {
  const { values } = parseArgs({ args: [...args], options: optionsOf(flagsOf(all)) });
  const kind = (['auto', 'shell', 'chrome'] as const).find((one) => one === values['kind']);
  if (kind === undefined) throw new Error(`--kind ${String(values['kind'])}: one of auto, shell, chrome`);
  const text = (name: string): string | undefined => String(values[name] ?? '') || undefined;
  return {
    suites: chosen(String(values['suite']), all),
    kind,
    chrome: text('chrome'),
    json: text('json'),
    cpuProf: text('cpu-prof'),
    values,
  };
}

/** The help: all flags and all suites. */
export function usage(all: readonly Suite[]): string {
  const lines = Object.entries(flagsOf(all)).map(([name, flag]) => {
    const head = flag.default === false ? `--${name}` : `--${name} <…>`;
    return `  ${head.padEnd(22)} ${flag.help}${flag.default ? ` (${flag.default})` : ''}`;
  });
  const names = all.map((one) => {
    const note = one.byNameOnly === true ? ' (not in all)' : '';
    return `  ${one.name.padEnd(22)} ${one.measures}${note}`;
  });
  return ['npm run bench -- [flags]', ...lines, '', 'suites:', ...names, ''].join('\n');
}

function flagsOf(all: readonly Suite[]): Record<string, Flag> {
  return Object.assign({}, COMMON, ...all.map(({ flags }) => flags ?? {})) as Record<string, Flag>;
}

type Options = Record<string, { type: 'string'; default: string } | { type: 'boolean'; default: boolean }>;

function optionsOf(flags: Record<string, Flag>): Options {
  return Object.fromEntries(
    Object.entries(flags).map(([name, flag]) => [
      name,
      flag.default === false
        ? { type: 'boolean' as const, default: false }
        : { type: 'string' as const, default: flag.default },
    ]),
  );
}

function chosen(names: string, all: readonly Suite[]): readonly Suite[] {
  if (names === 'all') return all.filter(({ byNameOnly }) => byNameOnly !== true);
  return names.split(',').map((name) => {
    const found = all.find((one) => one.name === name);
    if (!found) throw new Error(`--suite ${name}: one of ${all.map((one) => one.name).join(', ')}, all`);
    return found;
  });
}
