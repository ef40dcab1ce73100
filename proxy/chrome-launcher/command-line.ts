import { exclusiveFlags, isQuiet, parameterFlags, tasks } from './flag-list.js';
import { LaunchError } from './launch-error.js';

/** What a program starts Chrome for. */
export type Invocation =
  | { readonly kind: 'version' }
  | { readonly kind: 'productVersion' }
  | { readonly kind: 'help' }
  | { readonly kind: 'browser'; readonly wish: BrowserWish };

/** A browser, as the flags describe it. */
export interface BrowserWish {
  readonly speaks: { readonly kind: 'pipe' } | { readonly kind: 'port'; readonly port: number };
  readonly userDataDir: string | undefined;
  /** For the upgrade: what is honoured of the flags. */
  readonly parameters: URLSearchParams;
  /** What is not honoured, each once. */
  readonly leftOut: readonly string[];
}

interface Flag {
  readonly flag: string;
  readonly name: string;
  readonly value: string | undefined;
}

/** URLs that launchers open for want of a better one. */
const blankUrls: ReadonlySet<string> = new Set([
  'about:blank',
  'data:,',
  'chrome://newtab',
  'chrome://newtab/',
]);

/** Reads Chrome's command line; throws a LaunchError where no program could reach the browser. */
export function readCommandLine(args: readonly string[]): Invocation {
  const flags = args.filter((arg) => arg.startsWith('-')).map((arg) => parse(arg));
  const find = (name: string): Flag | undefined => flags.findLast((flag) => flag.name === name);
  if (find('version')) return { kind: 'version' };
  if (find('product-version')) return { kind: 'productVersion' };
  if (find('help') ?? find('h')) return { kind: 'help' };
  const parameters = parametersOf(flags);
  const urls = args.filter((arg) => !arg.startsWith('-') && arg !== '' && !blankUrls.has(arg));
  const unknown = flags.filter((flag) => !isHonoured(flag) && !isQuiet(flag.name, flag.flag));
  const headed = find('headless') ? [] : ['a window (cdpmux is headless)'];
  return {
    kind: 'browser',
    wish: {
      speaks: transportOf(
        find('remote-debugging-pipe'),
        find('remote-debugging-port'),
        flags.find(({ name }) => tasks.has(name)),
      ),
      userDataDir: find('user-data-dir')?.value,
      parameters,
      leftOut: [...new Set([...headed, ...unknown.map(({ flag }) => flag), ...urls])],
    },
  };
}

function parse(flag: string): Flag {
  const [, name = '', value] = /^--?([^=]*)(?:=([^]*))?$/.exec(flag) ?? [];
  return { flag, name, value };
}

function transportOf(
  pipe: Flag | undefined,
  port: Flag | undefined,
  task: Flag | undefined,
): BrowserWish['speaks'] {
  if (pipe) return { kind: 'pipe' };
  if (!port && task) {
    throw new LaunchError(
      `--${task.name} is work that a Chrome does by itself: give it to a real one. cdpmux-chrome stands for a Chrome that programs drive, by --remote-debugging-pipe or --remote-debugging-port=<port>.`,
    );
  }
  if (!port) {
    throw new LaunchError(
      'nobody could reach this browser: cdpmux-chrome stands for a Chrome that programs drive; start it with --remote-debugging-pipe or --remote-debugging-port=<port>.',
    );
  }
  const number = Number(port.value);
  if (/^\d+$/.test(port.value ?? '') && number <= 65_535) return { kind: 'port', port: number };
  throw new LaunchError(`${port.flag} is no port; give one of 0 to 65535, 0 for any that is free.`);
}

function isHonoured({ name, value = '' }: Flag): boolean {
  if (exclusiveFlags.has(name)) return true;
  const flag = parameterFlags.get(name);
  // without a value it is as if it were not there, as Chrome takes it
  return flag !== undefined && (value === '' || flag.takes.test(value));
}

function parametersOf(flags: readonly Flag[]): URLSearchParams {
  const parameters = new URLSearchParams();
  const valueOf = (name: string): string | undefined => flags.findLast((flag) => flag.name === name)?.value;
  for (const [name, { parameter, takes }] of parameterFlags) {
    const value = valueOf(name) ?? '';
    if (takes.test(value)) parameters.set(parameter, value);
  }
  if (flags.some(({ name }) => name === 'no-startup-window')) parameters.set('initialPage', 'false');
  const own = flags.filter(({ name }) => exclusiveFlags.has(name)).map(({ flag }) => flag);
  if (own.length > 0) {
    parameters.set('mode', 'exclusive');
    parameters.set('launch', JSON.stringify({ args: own }));
  }
  return parameters;
}
