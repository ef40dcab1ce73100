import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { describe, expect, it } from '@jest/globals';
import { encodeEvent } from '../src/cdp/encode.js';
import { MessageScanner } from '../src/cdp/message-scanner.js';
import { catalogue } from '../src/virtual/catalogue.js';
import { entryFor, type CommandEntry, type Entry } from '../src/virtual/catalogue-entry.js';
import { muxDomain } from '../src/virtual/mux-domain.js';
import { isWatched } from '../src/virtual/client-session.js';

interface Domain {
  readonly domain: string;
  readonly commands?: readonly { readonly name: string }[];
  readonly events?: readonly { readonly name: string }[];
}

const require = createRequire(import.meta.url);
const ofChrome = ['browser', 'js'].flatMap((name) => {
  const file = require.resolve(`devtools-protocol/json/${name}_protocol.json`);
  return (JSON.parse(readFileSync(file, 'utf8')) as { domains: Domain[] }).domains;
});
const domains: Domain[] = [...ofChrome, muxDomain];

describe('the catalogue', () => {
  it('has every domain of the protocol, and no other', () => {
    expect([...catalogue.keys()].sort()).toEqual(domains.map(({ domain }) => domain).sort());
  });

  it.each(domains)(
    'has a rule for every command of $domain, and for no other',
    ({ domain, commands = [] }) => {
      const entry = catalogue.get(domain);
      const names = commands.map(({ name }) => name);
      if (entry?.others === undefined)
        expect(Object.keys(entry?.commands ?? {}).sort()).toEqual(names.sort());
      else expect(Object.keys(entry.commands).filter((name) => !names.includes(name))).toEqual([]);
    },
  );

  it.each(domains)('has no rule for an event that $domain does not have', ({ domain, events = [] }) => {
    const names = events.map(({ name }) => name);
    const { eventExceptions = {} } = catalogue.get(domain) ?? {};
    expect(Object.keys(eventExceptions).filter((name) => !names.includes(name))).toEqual([]);
  });

  it('has every event looked at that is not simply passed on', () => {
    const scanner = new MessageScanner();
    const unseen = ofChrome.flatMap(({ domain, events = [] }) => {
      const entry = catalogue.get(domain);
      return events.flatMap(({ name }) => {
        const rule = entry?.eventExceptions[name] ?? entry?.events;
        if (rule?.kind === 'pass' || rule?.kind === 'refuse') return [];
        const message = encodeEvent(`${domain}.${name}`, {}, 'A'.repeat(32));
        return scanner.scan(message) && isWatched(message, scanner) ? [] : [`${domain}.${name}`];
      });
    });
    expect(unseen).toEqual([]);
  });

  it('says of all that is refused or locked what it is in an exclusive Chrome', () => {
    const unsaid = entries().filter(
      ([, { kind, exclusive }]) =>
        (kind === 'refuse' && !(exclusive?.local && exclusive.stranger)) ||
        (kind === 'lock' && !exclusive?.local),
    );
    expect(unsaid.map(([name]) => name)).toEqual([]);
  });

  it('refuses nothing and locks nothing for who has a Chrome and its machine', () => {
    const kept = entries().filter(([, entry]) => ['refuse', 'lock'].includes(entryFor(entry, 'local').kind));
    expect(kept.map(([name]) => name)).toEqual([]);
  });

  it('keeps from strangers in a Chrome of their own what reaches the machine', () => {
    const kept = entries().filter(([, entry]) => entryFor(entry, 'stranger').kind === 'refuse');
    expect([...new Set(kept.map(([name]) => name))].sort()).toEqual([
      'Browser.executeBrowserCommand',
      'Browser.getBrowserCommandLine',
      'Cast.*',
      'Extensions.*',
      'Memory.getBrowserSamplingProfile',
      'PWA.*',
      'Target.exposeDevToolsProtocol',
      'Target.getDevToolsTarget',
      'Target.openDevTools',
      'Target.sendMessageToTarget',
      'Target.setRemoteLocations',
      'Tethering.*',
    ]);
  });

  it('is what docs/protocol.md shows', () => {
    const { status, stderr } = spawnSync(process.execPath, ['scripts/protocol-doc.mjs', '--check']);
    expect({ status, stderr: stderr.toString() }).toEqual({ status: 0, stderr: '' });
  });
});

/** All entries of commands and events, with their names. */
function entries(): [name: string, entry: Entry][] {
  const levelsOf = (name: string, { root, session }: CommandEntry): [string, Entry][] => [
    [name, root],
    [name, session],
  ];
  return [...catalogue].flatMap(([domain, { commands, others, events, eventExceptions }]) => [
    ...Object.entries(commands).flatMap(([name, entry]) => levelsOf(`${domain}.${name}`, entry)),
    ...(others ? levelsOf(`${domain}.*`, others) : []),
    ...[events, ...Object.values(eventExceptions)].map((entry): [string, Entry] => [`${domain}.*`, entry]),
  ]);
}
