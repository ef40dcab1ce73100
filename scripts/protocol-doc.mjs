// Writes docs/protocol.md from the built catalogue: node scripts/protocol-doc.mjs (npm run docs); --check only compares.
import { readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';

const { catalogue } = await import('../dist/src/virtual/catalogue.js');
const { entryFor } = await import('../dist/src/virtual/catalogue-entry.js');
const { muxDomain } = await import('../dist/src/virtual/mux-domain.js');
const { entryOf } = await import('../dist/src/virtual/rules.js');
const { notFound } = await import('../dist/src/virtual/rules-refused.js');
const require = createRequire(import.meta.url);
/** @type {Domain[]} Chrome's own. */
const chrome = ['browser', 'js'].flatMap(
  (name) =>
    JSON.parse(readFileSync(require.resolve(`devtools-protocol/json/${name}_protocol.json`), 'utf8')).domains,
);
/** @type {Domain[]} */
const domains = [...chrome, muxDomain];

/**
 * @typedef {{ name: string }} Named
 * @typedef {{ domain: string, commands?: readonly Named[], events?: readonly Named[] }} Domain
 */

/** @param {{ kind: string, note: string }} entry */
const shown = ({ kind, note }) => (note === '' ? kind : `${kind}: ${note.replaceAll('|', '\\|')}`);

/**
 * What a command is in an exclusive Chrome, for local clients and for strangers; nothing where it is as in a shared one.
 * @param {{ root: any, session: any }} entry
 */
function shownExclusive({ root, session }) {
  const at = (/** @type {any} */ entry) => {
    if (entry.exclusive === undefined || entry === notFound) return '';
    const [local, stranger] = [shown(entryFor(entry, 'local')), shown(entryFor(entry, 'stranger'))];
    const forStrangers = entry.exclusive.stranger === undefined ? 'as in a shared one' : stranger;
    return local === stranger ? local : `${local}; for strangers ${forStrangers}`;
  };
  const [atRoot, inSessions] = [at(root), at(session)];
  if (atRoot === inSessions) return atRoot;
  return [atRoot && `at the root ${atRoot}`, inSessions && `in sessions ${inSessions}`]
    .filter(Boolean)
    .join('; ');
}

/**
 * A domain's commands, those of the same rules in one row.
 * @param {string} domain
 * @param {readonly Named[]} commands
 */
function rowsOf(domain, commands) {
  const rows = new Map();
  for (const { name } of commands) {
    const { root, session } = entryOf(`${domain}.${name}`);
    const rules = `${shown(root)} | ${shown(session)} | ${shownExclusive({ root, session })}`;
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
    '| command | at the root | in sessions of targets | in an exclusive Chrome |',
    '| --- | --- | --- | --- |',
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
- **answer**: answered, or for an event sent, by cdpmux
- **lock**: one virtual browser at a time
- **refuse**: not available in a shared Chrome, for the reason given

The last column is about a client with \`mode=exclusive\`, which has a Chrome for itself; where it is empty, the command is as in a shared one,
though all that is in the Chrome is the client's own. What shared mode keeps from neighbours is free there. What protects the machine from strangers
(clients with a token, unless \`policy.trust\` says otherwise) stays.

The domain \`Mux\` is cdpmux's own; \`/json/protocol\` describes it as it does Chrome's.

A command that this page does not list does not exist at the root, unless the client has a Chrome for itself and is no stranger; in sessions of targets it passes in domains that pass there.

${domains.map(sectionOf).join('\n\n')}
`;

const file = new URL('../docs/protocol.md', import.meta.url);
if (!process.argv.includes('--check')) writeFileSync(file, text);
else if (readFileSync(file, 'utf8') !== text) {
  console.error('docs/protocol.md is not what the catalogue says: npm run docs');
  process.exit(1);
}
