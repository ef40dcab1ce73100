import { describe, it, expect, afterAll } from '@jest/globals';
import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';

const root = join(import.meta.dirname, '..');
const temporary: string[] = [];

afterAll(async () => {
  for (const folder of temporary) await rm(folder, { recursive: true, force: true });
});

interface Verdict {
  readonly code: number;
  readonly violations: string[];
  readonly modules: number;
  readonly imports: number;
}

function checkLayers(tree: string): Promise<Verdict> {
  const script = join(root, 'scripts/check-layers.mjs');
  return new Promise((resolve, reject) => {
    execFile(process.execPath, [script, tree], (error, stdout, stderr) => {
      const counts = /^layers: (\d+) modules, (\d+) imports/m.exec(stdout);
      if (counts === null) {
        reject(new Error(`the check gave no verdict:\n${stdout}${stderr}`));
        return;
      }
      const code = typeof error?.code === 'number' ? error.code : 0;
      const violations = stdout.split('\n').filter((line) => line.includes(' -> '));
      resolve({ code, violations, modules: Number(counts[1]), imports: Number(counts[2]) });
    });
  });
}

const legal = {
  'src/errors.ts': `export const code = 'X';`,
  'src/index.ts': `export { mux } from './mux/mux.js';`,
  'src/telemetry/tracer.ts': `export const tracer = 1;`,
  'src/cdp/scan.ts': `import { code } from '../errors.js';\nexport const scan = code;`,
  'src/chrome/launch.ts': `import { scan } from '../cdp/scan.js';\nexport const launch = scan;`,
  'src/virtual/browser.ts': `import type { scan } from '../cdp/scan.js';\nexport type Browser = typeof scan;`,
  'src/pool/place.ts': `import { tracer } from '../telemetry/tracer.js';\nexport const place = tracer;`,
  'src/mux/mux.ts': [
    `import { launch } from '../chrome/launch.js';`,
    `import { place } from '../pool/place.js';`,
    `import type { Browser } from '../virtual/browser.js';`,
    `export const mux: [string, number, Browser] = [launch, place, launch];`,
  ].join('\n'),
  'proxy/main.ts': `import { mux } from '../src/index.js';\nimport './door.js';\nexport default mux;`,
  'proxy/door.ts': `export const door = 1;`,
};

async function checkTree(changes: Record<string, string>): Promise<Verdict> {
  const tree = await mkdtemp(join(tmpdir(), 'cdpmux-layers-'));
  temporary.push(tree);
  for (const [name, text] of Object.entries({ ...legal, ...changes })) {
    await mkdir(dirname(join(tree, name)), { recursive: true });
    await writeFile(join(tree, name), `${text}\n`);
  }
  return checkLayers(tree);
}

describe('layers', () => {
  it('holds in this tree, all of which was read', async () => {
    const verdict = await checkLayers(root);
    expect(verdict.violations).toEqual([]);
    expect(verdict.modules).toBeGreaterThan(0);
    expect(verdict.imports).toBeGreaterThan(0);
    expect(verdict.code).toBe(0);
  });

  it('accepts a tree whose imports go one way', async () => {
    const verdict = await checkTree({});
    expect(verdict.violations).toEqual([]);
    expect(verdict.modules).toBe(Object.keys(legal).length);
    expect(verdict.code).toBe(0);
  });

  // all in one tree, as each run of the check takes a second
  const bad = [
    ['library-alone', 'src/mux/mux.ts', '../../proxy/door.js', 'proxy/door.ts'],
    ['proxy-through-index', 'proxy/door.ts', '../src/cdp/scan.js', 'src/cdp/scan.ts'],
    ['cdp-layer', 'src/cdp/scan.ts', '../chrome/launch.js', 'src/chrome/launch.ts'],
    ['chrome-layer', 'src/chrome/launch.ts', '../pool/place.js', 'src/pool/place.ts'],
    ['virtual-layer', 'src/virtual/browser.ts', '../mux/mux.js', 'src/mux/mux.ts'],
    ['pool-layer', 'src/pool/place.ts', '../cdp/scan.js', 'src/cdp/scan.ts'],
    ['telemetry-layer', 'src/telemetry/tracer.ts', '../errors.js', 'src/errors.ts'],
    ['errors-layer', 'src/errors.ts', './cdp/scan.js', 'src/cdp/scan.ts'],
    ['index-is-the-outside', 'src/mux/mux.ts', '../index.js', 'src/index.ts'],
    ['no-unresolvable', 'src/mux/mux.ts', './nowhere.js', './nowhere.js'],
  ] as const;
  let seeded: Promise<Verdict> | undefined;

  function checkSeeded(): Promise<Verdict> {
    const changes: Record<string, string> = {
      'src/virtual/list.ts': `import type { launch } from '../chrome/launch.js';\nexport type List = typeof launch;`,
    };
    for (const [, from, specifier] of bad) changes[from] = `${changes[from] ?? ''}import '${specifier}';\n`;
    return (seeded ??= checkTree(changes));
  }

  it.each(bad)('reports %s: %s imports %s', async (rule, from, _specifier, to) => {
    const verdict = await checkSeeded();
    expect(verdict.violations).toContain(`${rule}: ${from} -> ${to}`);
    expect(verdict.code).toBe(1);
  });

  it('reports an import of types alone', async () => {
    const verdict = await checkSeeded();
    expect(verdict.violations).toContain('virtual-layer: src/virtual/list.ts -> src/chrome/launch.ts');
  });

  it('reports a cycle', async () => {
    const verdict = await checkTree({
      'src/pool/place.ts': `import './waiter.js';`,
      'src/pool/waiter.ts': `import './place.js';`,
    });
    expect(verdict.violations).toEqual(['no-circular: src/pool/place.ts -> src/pool/waiter.ts']);
    expect(verdict.code).toBe(1);
  });

  it('lets parent and child know the type of each other', async () => {
    const verdict = await checkTree({
      'src/pool/place.ts': `import { waiter } from './waiter.js';\nexport type Place = typeof waiter;`,
      'src/pool/waiter.ts': `import type { Place } from './place.js';\nexport const waiter: Place[] = [];`,
    });
    expect(verdict.violations).toEqual([]);
    expect(verdict.code).toBe(0);
  });

  it('fails where it reads no import at all', async () => {
    const tree = await mkdtemp(join(tmpdir(), 'cdpmux-layers-'));
    temporary.push(tree);
    await mkdir(join(tree, 'src'));
    await mkdir(join(tree, 'proxy'));
    await writeFile(join(tree, 'src/index.ts'), 'export const alone = 1;\n');
    const verdict = await checkLayers(tree);
    expect(verdict).toEqual({ code: 1, violations: [], modules: 1, imports: 0 });
  });
});
