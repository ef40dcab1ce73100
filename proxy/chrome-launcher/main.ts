#!/usr/bin/env node
import { realpathSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename } from 'node:path';
import { fileURLToPath } from 'node:url';
import { readCommandLine } from './command-line.js';
import { findVersion } from './find-cdpmux.js';
import { LaunchError } from './launch-error.js';
import { run, type Host } from './run.js';

const HELP = `cdpmux-chrome stands for a Chrome: start it as a program starts Chrome, with --remote-debugging-pipe or
--remote-debugging-port=<port>, and it gives a virtual browser of a cdpmux: that of CDPMUX_URL (with CDPMUX_TOKEN), else one on
ws://127.0.0.1:9222/, else one that it starts, and that ends with its last client. See docs/launching.md.
`;

/** This program, and the script that comes before it. */
const own = ['main.js', 'cdpmux-chrome.sh'].map((name) => fileURLToPath(new URL(name, import.meta.url)));
const stop = new AbortController();
for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP']) process.on(signal, () => stop.abort());
for (const stream of [process.stdout, process.stderr]) stream.on('error', () => undefined);

const host: Host = {
  env: process.env,
  start: async () =>
    (await import('./shared-start.js')).SharedStart.in({
      env: process.env,
      tmpDir: tmpdir(),
      userId: process.getuid?.(),
      nodePath: process.execPath,
      mainPath: fileURLToPath(new URL('../main.js', import.meta.url)),
      isOwnPath: (path) => isOwn(path),
    }),
  say: (line) => void process.stderr.write(line),
  parent: () => process.ppid,
  signal: stop.signal,
};

function isOwn(path: string): boolean {
  // it may be looked up on PATH
  if (basename(path) === 'cdpmux-chrome') return true;
  try {
    return own.includes(realpathSync(path));
  } catch {
    return false;
  }
}

async function main(): Promise<number> {
  const invocation = readCommandLine(process.argv.slice(2));
  switch (invocation.kind) {
    case 'help':
      process.stdout.write(HELP);
      return 0;
    case 'version':
    case 'productVersion': {
      const version = (await findVersion(host)).replace(/^.*\//, '');
      process.stdout.write(`${invocation.kind === 'version' ? 'Chromium ' : ''}${version}\n`);
      return 0;
    }
    case 'browser': {
      // A signal while cdpmux is looked for ends it like Chrome, too; what was being started ends by itself.
      stop.signal.addEventListener('abort', () => setTimeout(() => process.exit(0), 3_000).unref());
      const end = await run(invocation.wish, host);
      if (end.code === 1) host.say(`cdpmux-chrome: ${end.message}\n`);
      return end.code;
    }
  }
}

try {
  process.exit(await main());
} catch (error) {
  host.say(`cdpmux-chrome: ${error instanceof LaunchError ? error.message : (error as Error).stack}\n`);
  process.exit(1);
}
