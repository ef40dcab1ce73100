import { access, constants, open, realpath, stat } from 'node:fs/promises';
import { basename, delimiter, dirname, isAbsolute, join, resolve } from 'node:path';

import { CdpmuxError } from '../errors.js';
import { embeddedChrome, whyNoEmbedded } from './embedded.js';
import type { BrowserKind, ChromeExecutable } from './executable-types.js';

export type { BrowserKind, ChromeExecutable } from './executable-types.js';

type Kind = ChromeExecutable['kind'];

const NAMES: Readonly<Record<Kind, readonly string[]>> = {
  shell: ['chrome-headless-shell', 'chromium-headless-shell', 'headless_shell'],
  chrome: ['google-chrome-stable', 'google-chrome', 'chromium', 'chromium-browser', 'chrome'],
};

const PLACES: Readonly<Record<Kind, readonly string[]>> = {
  shell: [
    '/usr/lib/chromium/chromium-headless-shell',
    '/usr/lib64/chromium-browser/headless_shell',
    '/headless-shell/headless-shell',
    '/opt/google/chrome-headless-shell/chrome-headless-shell',
  ],
  chrome: [
    '/opt/google/chrome/chrome',
    '/usr/lib/chromium/chromium',
    '/usr/lib64/chromium-browser/chromium-browser',
    '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome',
    '/Applications/Chromium.app/Contents/MacOS/Chromium',
  ],
};

/** What {@link findChrome} goes by. */
export interface FindOptions {
  /** A path, a name on PATH, or `embedded` for the one of the npm package though another is installed. */
  readonly chrome?: string | undefined;
  readonly kind: BrowserKind;
  /** Read for PATH and CHROME_PATH. */
  readonly env: NodeJS.ProcessEnv;
  readonly tmpDir: string;
}

/** The executable that pretends to be Chrome, which programs are given in the same variables. */
const STAND_IN = /^cdpmux-chrome(\.sh)?$/;

/**
 * Finds the Chrome to start: `chrome`, else CHROME_PATH, else an installed one (the headless shell before full Chrome
 * unless `kind` says otherwise), else the embedded one. One that was named but can't be run is an error, not passed over.
 */
export async function findChrome(options: FindOptions): Promise<ChromeExecutable> {
  const { chrome, kind, env, tmpDir } = options;
  if (chrome === 'embedded') {
    if (kind === 'chrome')
      throw noChrome('The embedded Chrome is a headless shell, but full Chrome is asked for.');
    return embeddedChrome(tmpDir, env);
  }
  if (chrome) return named(chrome, 'option', '--chrome or CDPMUX_CHROME', kind, env);
  if (env.CHROME_PATH) return named(env.CHROME_PATH, 'CHROME_PATH', 'CHROME_PATH', kind, env);
  const looked: string[] = [];
  for (const one of kind === 'auto' ? (['shell', 'chrome'] as const) : [kind]) {
    for (const path of candidates(one, env)) {
      looked.push(path);
      const program = await programOf(path);
      if (program !== undefined) return { path: program, kind: one, source: 'installed', env: {} };
    }
  }
  const why = kind === 'chrome' ? 'it is a headless shell, not a full Chrome' : whyNoEmbedded();
  if (why === undefined) return embeddedChrome(tmpDir, env);
  throw noChrome(
    `No Chrome found. Looked for ${[...new Set(looked.map((path) => basename(path)))].join(', ')} on PATH and in their ` +
      `usual places; the embedded one can't be used: ${why}. Install Chrome or Chromium, or name one with --chrome.`,
  );
}

/** `kind` other than auto says what a named one is; auto takes it from the file name, where full Chrome is the rule. */
async function named(
  value: string,
  source: 'option' | 'CHROME_PATH',
  where: string,
  kind: BrowserKind,
  env: NodeJS.ProcessEnv,
): Promise<ChromeExecutable> {
  const paths = value.includes('/') || isAbsolute(value) ? [resolve(value)] : onPath(value, env);
  for (const path of paths) {
    if (!(await isExecutable(path))) continue;
    if (STAND_IN.test(basename(await realpath(path)))) {
      throw noChrome(
        `${path} (from ${where}) is no Chrome: it asks cdpmux for one, which would go on for ever. Name a real Chrome, or leave it out to use an installed one or the embedded one.`,
      );
    }
    const program = (await unwrap(path)) ?? path;
    const shell = isShellName(path) || isShellName(program);
    if (shell && kind === 'chrome') {
      throw noChrome(
        `${path} (from ${where}) is a headless shell, but full Chrome is asked for (browsers.kind).`,
      );
    }
    return { path: program, kind: kind === 'auto' ? (shell ? 'shell' : 'chrome') : kind, source, env: {} };
  }
  const what =
    paths.length === 1 && paths[0] === resolve(value) ? 'no such executable file' : 'not found on PATH';
  throw noChrome(
    `${where} names ${value}: ${what}. Correct it, or leave it out to use an installed Chrome or the embedded one.`,
  );
}

function isShellName(path: string): boolean {
  return /headless[-_]shell/.test(basename(path));
}

function candidates(kind: Kind, env: NodeJS.ProcessEnv): readonly string[] {
  return [...NAMES[kind].flatMap((name) => onPath(name, env)), ...PLACES[kind]];
}

function onPath(name: string, env: NodeJS.ProcessEnv): readonly string[] {
  return (env.PATH ?? '')
    .split(delimiter)
    .filter((directory) => isAbsolute(directory))
    .map((directory) => join(directory, name));
}

/** The program behind a candidate that nobody named; undefined where there is none that we know how to start. */
async function programOf(path: string): Promise<string | undefined> {
  return (await isExecutable(path)) ? unwrap(path) : undefined;
}

async function isExecutable(path: string): Promise<boolean> {
  try {
    await access(path, constants.X_OK);
    return (await stat(path)).isFile();
  } catch {
    return false;
  }
}

/**
 * The real program behind a distribution's start script, which may not exec it (killing the child then leaves Chrome
 * behind), add flags, or move file descriptors. A script that can't be seen through gives undefined.
 */
async function unwrap(path: string): Promise<string | undefined> {
  const real = await realpath(path);
  // goes by the name it is called with, and shuts Chrome off from our profile
  if (basename(real) === 'snap') return undefined;
  if (!(await isScript(real))) return real;
  const name = basename(path).replace(/-(stable|beta|unstable)$/, '');
  const behind = [
    // Debian
    join('/usr/lib/chromium', name),
    // Fedora
    join('/usr/lib64/chromium-browser', name),
    // Google's packages: /opt/google/chrome/google-chrome stands beside it
    join(dirname(real), 'chrome'),
  ];
  for (const one of behind) if ((await isExecutable(one)) && !(await isScript(one))) return one;
  return undefined;
}

async function isScript(path: string): Promise<boolean> {
  let file;
  try {
    file = await open(path);
  } catch {
    // may be run but not read: a script could not be run like that
    return false;
  }
  try {
    return (await file.read(Buffer.alloc(2), 0, 2, 0)).buffer.toString('latin1') === '#!';
  } finally {
    await file.close();
  }
}

function noChrome(message: string): CdpmuxError {
  return new CdpmuxError('NO_CHROME', message);
}
