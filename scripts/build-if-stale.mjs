// Builds dist/ when a source differs from what was last built; costs one directory walk when nothing does.
//   node scripts/build-if-stale.mjs [bench] [--force]
import { createHash } from 'node:crypto';
import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

process.chdir(dirname(dirname(fileURLToPath(import.meta.url))));

const args = process.argv.slice(2);
const withBench = args.includes('bench');
const sources = withBench ? ['src', 'proxy', 'bench', 'test/attack'] : ['src', 'proxy'];
const project = withBench ? 'tsconfig.bench.json' : 'tsconfig.build.json';
const configs = ['tsconfig.json', 'tsconfig.build.json', 'tsconfig.bench.json', 'package-lock.json'];
const stamp = withBench ? 'dist/bench.stamp' : 'dist/build.stamp';
const lock = 'dist/build.lock';
const main = 'dist/proxy/main.js';
/** Copied as they are. */
const scripts = ['proxy/chrome-launcher/cdpmux-chrome.sh'];
const executables = [
  main,
  'dist/proxy/chrome-launcher/main.js',
  ...scripts.map((file) => join('dist', file)),
];
const compiler = 'node_modules/typescript/bin/tsc';

/** @param {string} dir @returns {string[]} */
function filesUnder(dir) {
  if (!existsSync(dir)) return [];
  return readdirSync(dir, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .sort();
}

function fingerprint() {
  const hash = createHash('sha1');
  for (const file of [...configs.filter((name) => existsSync(name)), ...sources.flatMap(filesUnder)]) {
    const { size, mtimeMs } = statSync(file);
    hash.update(`${file} ${size} ${mtimeMs}\n`);
  }
  return hash.digest('hex');
}

const isFresh = () => existsSync(stamp) && existsSync(main) && readFileSync(stamp, 'utf8') === fingerprint();

/** @param {number} pid */
function isAlive(pid) {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return /** @type {NodeJS.ErrnoException} */ (error).code === 'EPERM';
  }
}

// Two builds at once would let one process load what the other has half written.
function takeLock() {
  mkdirSync('dist', { recursive: true });
  const deadline = Date.now() + 120_000;
  for (;;) {
    try {
      writeFileSync(lock, String(process.pid), { flag: 'wx' });
      process.on('exit', () => rmSync(lock, { force: true }));
      return;
    } catch (error) {
      if (/** @type {NodeJS.ErrnoException} */ (error).code !== 'EEXIST') throw error;
    }
    const holder = existsSync(lock) ? Number(readFileSync(lock, 'utf8')) : 0;
    if ((holder > 0 && !isAlive(holder)) || Date.now() > deadline) rmSync(lock, { force: true });
    else Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 50);
  }
}

// What a renamed or deleted source left behind would still be importable, and be published.
function removeOrphans() {
  for (const file of sources.flatMap((dir) => filesUnder(join('dist', dir)))) {
    const source = file.replace(/^dist[\\/]/, '').replace(/(\.d\.ts|\.js)(\.map)?$/, '.ts');
    if (!existsSync(source)) rmSync(file);
  }
}

function build() {
  const before = fingerprint();
  const { status } = spawnSync(process.execPath, [compiler, '-b', project], { stdio: 'inherit' });
  if (status !== 0) process.exit(status ?? 1);
  removeOrphans();
  for (const file of scripts) copyFileSync(file, join('dist', file));
  for (const file of executables) if (existsSync(file)) chmodSync(file, 0o755);
  writeFileSync(stamp, before);
}

if (args.includes('--force') || !isFresh()) {
  if (existsSync(compiler)) {
    takeLock();
    // whoever held the lock may have built the same
    if (args.includes('--force') || !isFresh()) build();
  } else if (!existsSync(main)) {
    console.error(
      'cdpmux: dist/ is missing and so is TypeScript to build it: run `npm ci` without --omit=dev',
    );
    process.exit(1);
  }
}
