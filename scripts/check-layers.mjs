// Checks that imports go one way (ARCHITECTURE.md), in this tree or in the one given as argument.
//   node scripts/check-layers.mjs [root]
import { readdirSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join, relative, resolve } from 'node:path';
import { cruise } from 'dependency-cruiser';

const { forbidden, options } = createRequire(import.meta.url)('../.dependency-cruiser.cjs');
const root = resolve(process.argv[2] ?? join(import.meta.dirname, '..'));
const folders = ['src', 'proxy'];

const { output } = await cruise(folders, {
  ...options,
  baseDir: root,
  validate: true,
  ruleSet: { forbidden, options },
});
if (typeof output === 'string') throw new Error('dependency-cruiser reported text instead of a result');

// With a TypeScript it does not know, dependency-cruiser reads nothing and finds nothing wrong.
const read = new Set(output.modules.map((module) => module.source));
const unread = folders
  .flatMap((folder) => readdirSync(join(root, folder), { recursive: true, withFileTypes: true }))
  .filter((entry) => entry.isFile() && /\.ts$/.test(entry.name))
  .map((entry) => relative(root, join(entry.parentPath, entry.name)))
  .filter((file) => !read.has(file));
const imports = output.modules.flatMap((module) => module.dependencies).length;

for (const { rule, from, to } of output.summary.violations) console.log(`${rule.name}: ${from} -> ${to}`);
for (const file of unread) console.log(`not-read: ${file}`);
console.log(
  `layers: ${read.size} modules, ${imports} imports, ${output.summary.violations.length} violations`,
);
if (read.size === 0 || imports === 0 || unread.length > 0 || output.summary.violations.length > 0)
  process.exitCode = 1;
