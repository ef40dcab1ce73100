import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { availableParallelism, loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';

import { findChrome } from '../src/chrome/executable.js';
import { Arena, type Result, type Stage } from '../test/attack/arena.js';
import { everyCommand, type Outcome } from '../test/attack/every-command.js';
import { extremes } from '../test/attack/extremes.js';
import { leaving } from '../test/attack/leaving.js';
import { named } from '../test/attack/named.js';
import { inBatches, partiesAt, strangers } from '../test/attack/parties.js';
import { Alone, work } from '../test/attack/work.js';
import { openSite } from '../test/support/site.js';
import { besideEach, type Beside } from './attack-latency.js';
import { startCdpmux } from './cdpmux.js';
import { Closers } from './closers.js';

const USAGE = `npm run attack -- [flags]
  --part all|named|commands|extremes|leaving|latency
                                     which attacks (all)
  --only <method>                    of the commands only this one; repeatable
  --batches                          the attacker sends each command in a Mux.batch
  --kind auto|shell|chrome           on which Chrome (auto: the headless shell where there is one)
  --seconds <n>                      how long the victim is measured beside each attacker (4; 0: not at all)
  --json <file>                      write the results there too
`;
const { values: flags } = parseArgs({
  options: {
    part: { type: 'string', default: 'all' },
    only: { type: 'string', multiple: true },
    batches: { type: 'boolean', default: false },
    kind: { type: 'string', default: 'auto' },
    seconds: { type: 'string', default: '4' },
    json: { type: 'string' },
  },
});
const kind = (['auto', 'shell', 'chrome'] as const).find((one) => one === flags.kind);
const seconds = Number(flags.seconds);
if (
  kind === undefined ||
  !(seconds >= 0) ||
  !['all', 'named', 'commands', 'extremes', 'leaving', 'latency'].includes(flags.part)
) {
  console.error(USAGE);
  process.exit(2);
}
const does = (part: string): boolean => flags.part === 'all' || flags.part === part;

/** Each result as a line, with what leaked below it. */
function show({ name, tries, leaks }: Result): void {
  console.log(`${name.padEnd(112)} ${String(tries).padStart(6)}  ${verdict(leaks)}`);
  for (const leak of leaks) console.log(`    ${leak.slice(0, 400)}`);
}

const verdict = (leaks: readonly string[]): string =>
  leaks.length === 0 ? 'nothing' : `${leaks.length} LEAK${leaks.length === 1 ? '' : 'S'}`;

function showBeside({ name, cdpmux, direct, leaks }: Beside): void {
  const figures = [
    cdpmux.alone,
    cdpmux.beside,
    cdpmux.p50,
    direct?.p50 ?? NaN,
    cdpmux.p99,
    direct?.p99 ?? NaN,
  ].map((value) => (Number.isNaN(value) ? '' : value.toFixed(2)).padStart(8));
  console.log(`${name.padEnd(56)}${figures.join('')}  ${verdict(leaks)}`);
  for (const leak of leaks) console.log(`    ${leak.slice(0, 400)}`);
}

/** All that needs a victim at home. */
async function attackAtHome(stage: Stage): Promise<{ results: Result[]; unanswered: string[] }> {
  const arena = await Arena.open(stage);
  const results: Result[] = [];
  const took = (result: Result): void => {
    results.push(result);
    show(result);
  };
  console.log(`${'attack'.padEnd(112)}  tries  what came of it`);
  if (does('named')) {
    for (const attack of named) {
      took(await arena.run(attack));
    }
  }
  let unanswered: string[] = [];
  if (does('commands')) {
    const outcomes: Outcome[] = await everyCommand(arena, flags.only ? { only: flags.only } : {});
    outcomes.forEach(took);
    unanswered = outcomes.flatMap((outcome) => outcome.unanswered);
  }
  if (does('extremes')) await extremes(arena, { only: flags.only }, took);
  if (does('leaving')) await leaving(arena, flags.only, took);
  took({ name: 'afterwards the victim finishes what it had begun', tries: 1, leaks: await arena.close() });
  return { results, unanswered };
}

async function run(closers: Closers): Promise<number> {
  const executable = await findChrome({
    chrome: undefined,
    kind: kind ?? 'auto',
    env: process.env,
    tmpDir: tmpdir(),
  });
  const machine = `Node ${process.versions.node}, ${availableParallelism()} CPUs, load ${(loadavg()[0] ?? 0).toFixed(1)}`;
  console.log(`attacker beside victim in one Chrome: ${executable.kind} (${executable.path}), ${machine}\n`);
  const cdpmux = await startCdpmux(executable, {
    settings: Object.entries(strangers).map(([path, value]) => `${path}=${value}`),
  });
  closers.add(() => cdpmux.close());
  const site = await openSite();
  closers.add(() => site.close());
  const directory = await mkdtemp(join(tmpdir(), 'cdpmux-attack-'));
  closers.add(() => rm(directory, { recursive: true }));
  const url = cdpmux.wsUrl.replace(/^ws(.*)\/$/, 'http$1');
  const parties = partiesAt({ url, wsUrl: cdpmux.wsUrl });
  const stage = { parties: flags.batches ? inBatches(parties) : parties, site, directory };
  const atHome =
    does('named') || does('commands') || does('extremes') || does('leaving')
      ? await attackAtHome(stage)
      : { results: [], unanswered: [] };
  const beside: Beside[] = [];
  if (does('latency') && seconds > 0) {
    const alone = new Alone([await work(stage), await work(stage), await work(stage)]);
    console.log(
      `\n${'victim beside an attacker that'.padEnd(56)}   alone  beside     p50 (direct)   p99 (direct)  its work differs in`,
    );
    const sides = { stage, executable, closers, seconds, alone };
    beside.push(...(await besideEach(sides, showBeside)));
    console.log(
      'alone, beside: p50 of Runtime.evaluate, one at a time, ms. p50, p99: ratio of beside to alone;\n' +
        'direct: the same two clients at a Chrome with nothing in between.',
    );
  }
  const all = [...atHome.results.map(({ leaks }) => leaks), ...beside.map(({ leaks }) => leaks)];
  const tries = atHome.results.reduce((sum, one) => sum + one.tries, 0) + beside.length;
  const leaks = all.reduce((sum, one) => sum + one.length, 0);
  if (atHome.unanswered.length > 0)
    console.log(`\nnot answered (as for an id that never was): ${atHome.unanswered.join(', ')}`);
  console.log(`\n${leaks} leaks of ${tries}`);
  if (flags.json !== undefined) {
    const report = {
      date: new Date().toISOString(),
      kind: executable.kind,
      machine,
      tries,
      leaks,
      ...atHome,
      beside,
    };
    await writeFile(flags.json, `${JSON.stringify(report, undefined, 2)}\n`);
  }
  return leaks === 0 ? 0 : 1;
}

process.exitCode = await Closers.with(run);
