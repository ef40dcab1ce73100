// Writes docs/protocol.md from the built catalogue: node scripts/protocol-doc.mjs (npm run docs); --check only compares.
import { readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';

const { catalogue } = await import('../dist/src/virtual/catalogue.js');
const { entryOf } = await import('../dist/src/virtual/rules.js');
const require = createRequire(import.meta.url);
/** @type {Domain[]} */
const domains = ['browser', 'js'].flatMap(
  (name) =>
    JSON.parse(readFileSync(require.resolve(`devtools-protocol/json/${name}_protocol.json`), 'utf8')).domains,
);

/**
 * @typedef {{ name: string }} Named
 * @typedef {{ domain: string, commands?: Named[], events?: Named[] }} Domain
 */

/** @param {{ kind: string, note: string }} entry */
const shown = ({ kind, note }) => (note === '' ? kind : `${kind}: ${note.replaceAll('|', '\\|')}`);

/**
 * A domain's commands, those of the same rules in one row.
 * @param {string} domain
 * @param {Named[]} commands
 */
function rowsOf(domain, commands) {
  const rows = new Map();
  for (const { name } of commands) {
    const { root, session } = entryOf(`${domain}.${name}`);
    const rules = `${shown(root)} | ${shown(session)}`;
    rows.set(rules, [...(rows.get(rules) ?? []), `\`${name}\``]);
  }
  return [...rows].map(([rules, names]) => `| ${names.join(', ')} | ${rules} |`);
}

/** @param {Domain} domain */
function sectionOf({ domain, commands = [], events = [] }) {
  const known = catalogue.get(domain);
  if (!known) throw new Error(`the catalogue has no ${domain}`);
  const { events: entry, eventExceptions } = known;
  const lines = [
    `## ${domain}`,
    '',
    '| command | at the root | in sessions of targets |',
    '| --- | --- | --- |',
  ];
  lines.push(...rowsOf(domain, commands));
  const special = events.filter(({ name }) => (eventExceptions[name] ?? entry).kind !== 'pass');
  if (special.length > 0) {
    lines.push('', '| event | |', '| --- | --- |');
    for (const { name } of special) lines.push(`| \`${name}\` | ${shown(eventExceptions[name] ?? entry)} |`);
  }
  return lines.join('\n');
}

const text = `# The protocol through cdpmux

What becomes of each command of the Chrome DevTools Protocol in a shared Chrome, as \`src/virtual/catalogue.ts\` has it (this page is
generated: \`npm run docs\`). "At the root" is a client's own WebSocket without \`sessionId\`, and further sessions on the browser; sessions of
targets are those of pages, tabs, frames and workers. Events pass in the session that enabled them unless a table says otherwise.

- **pass**: goes on as it is, since it concerns only what the session belongs to
- **scope**: what it names must be the virtual browser's own, and only that is seen in what comes back; another's id is answered as
  one that never existed
- **answer**: answered by cdpmux
- **lock**: one virtual browser at a time
- **refuse**: not available in a shared Chrome, for the reason given

A command that this page does not list does not exist at the root; in sessions of targets it passes in domains that pass there.

${domains.map(sectionOf).join('\n\n')}
`;

const file = new URL('../docs/protocol.md', import.meta.url);
if (!process.argv.includes('--check')) writeFileSync(file, text);
else if (readFileSync(file, 'utf8') !== text) {
  console.error('docs/protocol.md is not what the catalogue says: npm run docs');
  process.exit(1);
}
