import { writeFile } from 'node:fs/promises';
import { availableParallelism, loadavg, tmpdir } from 'node:os';
import { parseArgs } from 'node:util';

import { findChrome } from '../src/chrome/executable.js';
import type { BrowserKind } from '../src/chrome/executable-types.js';
import { startCdpmux } from './cdpmux.js';
import { Closers } from './closers.js';
import { startDirect } from './direct-chrome.js';
import { isMet, table } from './figures.js';
import type { Figure } from './figures.js';
import { startHaproxy } from './haproxy.js';
import { launch } from './launch.js';
import { link, linkLine, linkTitles, type LinkRow } from './link.js';
import { startRelay } from './relay.js';
import { memory } from './memory.js';
import { pool } from './pool.js';
import { RawClient } from './raw-client.js';
import { session } from './session.js';
import { wire } from './wire.js';

const USAGE = `npm run bench -- [flags]
  --suite wire|session|memory|link|pool|launch|all  what to measure (all)
  --kind auto|shell|chrome         on which Chrome (auto: the headless shell where there is one)
  --chrome <path>                  that very Chrome
  --seconds <n>                    how long the wire suite measures (20), and the link suite each thing (a tenth)
  --rounds <n>                     how often the session and launch suites do each thing (25), the pool suite ten times or a fifth as often
  --clients <n>                    clients of the memory suite, and of the pool suite's cold start (20)
  --haproxy                        wire: HAProxy in TCP mode as a control (must be installed)
  --relay                          wire: a relay of bytes written for Node as a control
  --json <file>                    write the figures there too
  --cpu-prof <directory>           have cdpmux write a CPU profile of the wire and session suites there
`;

const SUITES = ['wire', 'session', 'memory', 'link', 'pool', 'launch'] as const;
type Suite = (typeof SUITES)[number];

interface Flags {
  readonly suites: readonly Suite[];
  readonly kind: BrowserKind;
  readonly chrome: string | undefined;
  readonly seconds: number;
  readonly rounds: number;
  readonly clients: number;
  readonly haproxy: boolean;
  readonly relay: boolean;
  readonly json: string | undefined;
  readonly cpuProf: string | undefined;
}

function readFlags(): Flags {
  const { values } = parseArgs({
    options: {
      suite: { type: 'string', default: 'all' },
      kind: { type: 'string', default: 'auto' },
      chrome: { type: 'string' },
      seconds: { type: 'string', default: '20' },
      rounds: { type: 'string', default: '25' },
      clients: { type: 'string', default: '20' },
      haproxy: { type: 'boolean', default: false },
      relay: { type: 'boolean', default: false },
      json: { type: 'string' },
      'cpu-prof': { type: 'string' },
    },
  });
  const suites = SUITES.filter((name) => values.suite === 'all' || values.suite === name);
  if (suites.length === 0) throw new Error(`--suite ${values.suite}: one of ${SUITES.join(', ')}, all`);
  const kind = (['auto', 'shell', 'chrome'] as const).find((one) => one === values.kind);
  if (kind === undefined) throw new Error(`--kind ${values.kind}: one of auto, shell, chrome`);
  return {
    suites,
    kind,
    chrome: values.chrome,
    seconds: positive('--seconds', values.seconds),
    rounds: positive('--rounds', values.rounds),
    clients: positive('--clients', values.clients),
    haproxy: values.haproxy,
    relay: values.relay,
    json: values.json,
    cpuProf: values['cpu-prof'],
  };
}

function positive(flag: string, text: string): number {
  const value = Number(text);
  if (!(value > 0)) throw new Error(`${flag} ${text}: a number above 0`);
  return value;
}

async function run(flags: Flags, closers: Closers): Promise<void> {
  const { kind, chrome } = flags;
  const executable = await findChrome({ chrome, kind, env: process.env, tmpDir: tmpdir() });
  const figures: Figure[] = [];
  const direct = await startDirect(executable);
  const closeDirect = closers.add(() => direct.close());
  const { product } = await versionOf(direct.wsUrl);
  const where = `${executable.kind === 'shell' ? 'headless shell' : 'full Chrome'} ${product.replace(/^.*\//, '')}`;
  const machine = `Node ${process.versions.node}, ${availableParallelism()} CPUs, load ${(loadavg()[0] ?? 0).toFixed(1)}`;
  console.log(`cdpmux against a direct Chrome, in turns, on ${where} (${executable.path}), ${machine}\n`);
  if (flags.suites.includes('wire') || flags.suites.includes('session')) {
    const cdpmux = await startCdpmux(executable, { cpuProfDir: flags.cpuProf });
    const closeCdpmux = closers.add(() => cdpmux.close());
    const urls = { directUrl: direct.wsUrl, cdpmuxUrl: cdpmux.wsUrl };
    if (flags.suites.includes('wire')) {
      const controls: { name: string; url: string }[] = [];
      const closing: (() => Promise<void>)[] = [];
      for (const [name, start] of [
        ...(flags.haproxy ? ([['HAProxy', startHaproxy]] as const) : []),
        ...(flags.relay ? ([['a relay in Node', startRelay]] as const) : []),
      ]) {
        const control = await start(direct.wsUrl);
        closing.push(closers.add(() => control.close()));
        controls.push({ name, url: control.wsUrl });
      }
      figures.push(...(await wire({ ...urls, controls, seconds: flags.seconds })));
      for (const close of closing) await close();
    }
    if (flags.suites.includes('session')) {
      const neighbours = [1, 20, 100, 200];
      figures.push(...(await session({ ...urls, executable, rounds: flags.rounds, neighbours })));
    }
    await closeCdpmux();
  }
  const rows = flags.suites.includes('link') ? await overLinks(direct.wsUrl, flags.seconds / 10) : [];
  await closeDirect();
  if (flags.suites.includes('memory')) {
    figures.push(...(await memory({ executable, clients: flags.clients, closers })));
  }
  if (flags.suites.includes('pool')) {
    figures.push(...(await pool({ executable, clients: flags.clients, rounds: flags.rounds, closers })));
  }
  if (flags.suites.includes('launch')) figures.push(...(await launch({ rounds: flags.rounds, closers })));
  if (figures.length > 0) console.log(`${table(figures)}\n\nAll on ${where}. ${explanation}`);
  if (flags.json !== undefined) {
    const results = figures.map((figure) => ({ ...figure, met: isMet(figure) }));
    const report = {
      date: new Date().toISOString(),
      kind: executable.kind,
      version: product,
      machine,
      figures: results,
      ...(rows.length > 0 && { link: rows }),
    };
    await writeFile(flags.json, `${JSON.stringify(report, undefined, 2)}\n`);
  }
}

async function overLinks(directUrl: string, seconds: number): Promise<LinkRow[]> {
  console.log(`20 busy clients over so many connections to one Chrome\n${linkTitles()}`);
  const onRow = (row: LinkRow): void => console.log(linkLine(row));
  const rows = await link({ directUrl, connections: [1, 2, 5, 10], seconds, onRow });
  console.log('');
  return rows;
}

const explanation =
  'ratio: cdpmux by direct, median of the rounds; both sides take turns within a round, so that\n' +
  "the machine's load weighs on both alike. direct and cdpmux: medians over all rounds.";

async function versionOf(wsUrl: string): Promise<{ product: string }> {
  const client = await RawClient.connect(wsUrl);
  try {
    return await client.request('Browser.getVersion');
  } finally {
    client.close();
  }
}

let flags: Flags;
try {
  flags = readFlags();
} catch (error) {
  console.error(`${(error as Error).message}\n\n${USAGE}`);
  process.exit(2);
}
await Closers.with((closers) => run(flags, closers));
