import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { parseArgs } from 'node:util';

import { findChrome } from '../src/chrome/executable.js';
import type { ChromeExecutable } from '../src/chrome/executable-types.js';
import { startCdpmux } from './cdpmux.js';
import { Closers } from './closers.js';
import { startDirect } from './direct-chrome.js';
import { durations, median, percentile, quantile, record } from './figures.js';
import { projectRoot } from './paths.js';
import { RawClient } from './raw-client.js';

const USAGE = `npm run pressure -- [flags]
  --seconds <n>             how long each kind of flood is measured (20)
  --flood small|results     only that one
  --rate <n>[,<n>]          also with these as limits.commandsPerSecond
  --kind auto|shell|chrome  on which Chrome (auto: the headless shell where there is one)
  --chrome <path>           that very Chrome
`;

/** A round measures the victim alone, then beside the flood, for so long, ms. */
const SLICE = 300;
const SMALL = '{"expression":"1"}';

/** What is thrown at Chrome beside the victim. */
const floods = {
  'small commands, 64 at a time': { depth: 64, expression: '1' },
  'results of 1 MB, 8 at a time': { depth: 8, expression: '"x".repeat(1e6)' },
} as const;

/** One way to the Chrome that victim and flooder share. */
interface Side {
  readonly name: string;
  readonly victim: RawClient;
  readonly sessionId: string;
  readonly flooder: ChildProcess;
  readonly alone: number[];
  readonly beside: number[];
  readonly beside99: number[];
  readonly ratio: number[];
  readonly perSecond: number[];
}

const { values } = parseArgs({
  options: {
    seconds: { type: 'string', default: '20' },
    rate: { type: 'string', default: '' },
    flood: { type: 'string', default: '' },
    kind: { type: 'string', default: 'auto' },
    chrome: { type: 'string' },
  },
});
const seconds = Number(values.seconds);
const kind = (['auto', 'shell', 'chrome'] as const).find((one) => one === values.kind);
if (kind === undefined || !(seconds > 0)) {
  console.error(USAGE);
  process.exit(2);
}

await Closers.with(async (closers) => {
  const executable = await findChrome({ chrome: values.chrome, kind, env: process.env, tmpDir: tmpdir() });
  console.log(`a victim's p50 beside a flooder, on ${executable.kind} (${executable.path})`);
  const direct = await startDirect(executable);
  closers.add(() => direct.close());
  const ways: Record<string, (who: string) => string> = { direct: () => direct.wsUrl };
  const rates = values.rate === '' ? [] : values.rate.split(',');
  for (const rate of ['0', 'auto', ...rates]) {
    const url = await startStrangers(executable, [`limits.commandsPerSecond=${rate}`], closers);
    const name =
      rate === '0' ? 'cdpmux, no limit' : rate === 'auto' ? 'cdpmux, default' : `cdpmux, ${rate}/s`;
    ways[name] = url;
  }
  for (const [flood, { depth, expression }] of Object.entries(floods)) {
    if (!flood.startsWith(values.flood)) continue;
    const sides: Side[] = [];
    for (const [name, url] of Object.entries(ways))
      sides.push(await open(name, url, depth, expression, closers));
    const end = performance.now() + seconds * 1000;
    do {
      sides.reverse();
      for (const side of sides) await round(side);
    } while (performance.now() < end);
    console.log(`\n${flood}`);
    for (const side of sides.sort((a, b) => a.name.localeCompare(b.name))) console.log(line(side));
    for (const { victim, flooder } of sides) {
      victim.close();
      flooder.disconnect();
    }
  }
});

/** One for strangers: a token each for the victim and the flooder. */
async function startStrangers(
  executable: ChromeExecutable,
  settings: readonly string[],
  closers: Closers,
): Promise<(who: string) => string> {
  const secretOf = (name: string): string => `secret-of-the-${name}`;
  const tokens = ['victim', 'flooder'].map((name) => ({ name, secret: secretOf(name) }));
  const cdpmux = await startCdpmux(executable, {
    settings: [`auth.tokens=${JSON.stringify(tokens)}`, ...settings],
  });
  closers.add(() => cdpmux.close());
  return (who) => `${cdpmux.wsUrl}?token=${secretOf(who)}`;
}

async function open(
  name: string,
  url: (who: string) => string,
  depth: number,
  expression: string,
  closers: Closers,
): Promise<Side> {
  const args = [url('flooder'), String(depth), expression];
  const flooder = fork(join(projectRoot, 'dist/bench/flooder.js'), args, { execArgv: [] });
  closers.add(() => flooder.kill());
  await once(flooder, 'message');
  const victim = await RawClient.connect(url('victim'));
  const { targetId } = await victim.request<{ targetId: string }>('Target.createTarget', {
    url: 'about:blank',
  });
  const { sessionId } = await victim.request<{ sessionId: string }>('Target.attachToTarget', {
    targetId,
    flatten: true,
  });
  const figures = { alone: [], beside: [], beside99: [], ratio: [], perSecond: [] };
  return { name, victim, sessionId, flooder, ...figures };
}

async function round(side: Side): Promise<void> {
  const { flooder } = side;
  const alone = await slice(side);
  flooder.send('start');
  await once(flooder, 'message');
  // what may come at once, after a pause, is not what lasts
  await delay(SLICE);
  const beside = await slice(side);
  flooder.send('stop');
  const [{ perSecond }] = (await once(flooder, 'message')) as [{ perSecond: number }];
  await delay(SLICE / 2);
  side.alone.push(percentile(alone, 50));
  side.beside.push(percentile(beside, 50));
  side.beside99.push(percentile(beside, 99));
  side.ratio.push(percentile(beside, 50) / percentile(alone, 50));
  side.perSecond.push(perSecond);
}

async function slice({ victim, sessionId }: Side): Promise<ReturnType<typeof durations>> {
  const times = durations();
  const end = performance.now() + SLICE;
  for (let start = performance.now(); start < end;) {
    await victim.wait((done) => victim.send('Runtime.evaluate', SMALL, sessionId, done));
    const now = performance.now();
    record(times, now - start);
    start = now;
  }
  return times;
}

function line({ name, alone, beside, beside99, ratio, perSecond }: Side): string {
  const micro = (list: readonly number[]): string => `${Math.round(median(list) * 1000)} µs`.padStart(8);
  const quartiles = `${quantile(ratio, 0.25).toFixed(2)}..${quantile(ratio, 0.75).toFixed(2)}`;
  return `  ${name.padEnd(18)} alone ${micro(alone)}  beside ${micro(beside)} (p99 ${micro(beside99)})  ratio ${median(ratio).toFixed(2)} (${quartiles}, ${ratio.length} rounds)  flooder ${Math.round(median(perSecond))}/s`;
}
