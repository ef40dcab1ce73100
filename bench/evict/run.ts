import { Renderers } from '../../src/chrome/renderers.js';
import type { RunningCdpmux } from '../cdpmux.js';
import { RawClient } from '../raw-client.js';
import { until } from '../until.js';
import { EventEar } from './events.js';
import { growers, type Grower } from './growers.js';
import { pageOf, type Neighbours } from './neighbours.js';

const MB = 1024 * 1024;
/** What a page without anything in it holds, MB: as cdpmux counts. */
const EMPTY = 14;
/** How often sizes are read, ms. */
const LOOK = 5;
/** On a busy machine a page that grows is the last to get a processor. */
const PATIENCE = 180_000;

/** What one run came to; times are ms after the hard limit was passed, NaN where it did not happen. */
export interface Run {
  readonly grower: Grower;
  /** How the client that grew was closed. */
  readonly code: number;
  readonly reason: string;
  /** What it held when it was warned, and the most that it ever held, MB. */
  readonly warnedAt: number;
  readonly peak: number;
  readonly noticed: number;
  readonly told: number;
  readonly gone: number;
  readonly served: number;
  /** What went wrong for neighbours, and whether the Chrome lived on. */
  readonly errors: readonly string[];
  readonly neighboursDid: number;
}

/** One page grows beside neighbours until it is evicted, or dies. */
export async function growOnce(
  cdpmux: RunningCdpmux,
  grower: Grower,
  { hardMb, neighbours }: { readonly hardMb: number; readonly neighbours: Neighbours },
): Promise<Run> {
  const pid = await chromeOf(cdpmux.url);
  const before = neighbours.done;
  const ear = await EventEar.on(cdpmux.url);
  const renderers = new Renderers(pid);
  const client = await RawClient.connect(cdpmux.wsUrl);
  let closed: { code: number; reason: string; at: number } | undefined;
  client.onClosed = (code, reason) => (closed = { code, reason, at: Date.now() });
  const sessionId = await pageOf(client);
  let hasDied = false;
  client.onEvent = (message) => (hasDied ||= message.includes('"Inspector.targetCrashed"'));
  let peak = 0;
  let crossedAt = NaN;
  let goneAt = NaN;
  const timer = setInterval(() => {
    renderers.look();
    const largest = Math.max(0, ...[...renderers.all].map(({ own }) => own / MB - EMPTY));
    peak = Math.max(peak, largest);
    if (Number.isNaN(crossedAt) && largest > hardMb) crossedAt = Date.now();
    if (closed && Number.isNaN(goneAt) && largest < hardMb / 4) goneAt = Date.now();
  }, LOOK);
  try {
    client.send(
      'Runtime.evaluate',
      JSON.stringify({ expression: growers[grower] }),
      sessionId,
      () => undefined,
    );
    // One that died by itself is told to its client, who is not closed for it.
    await until('the end', PATIENCE, () => Promise.resolve(closed ?? (hasDied || undefined))).catch(
      () => undefined,
    );
    const left = hasDied ? 'it died by itself' : `it was not evicted within ${PATIENCE} ms`;
    const { code, reason, at } = closed ?? { code: 0, reason: left, at: NaN };
    const next = await RawClient.connect(cdpmux.wsUrl);
    await pageOf(next);
    const servedAt = Date.now();
    next.close();
    if (closed) await until('the end of its process', PATIENCE, () => Promise.resolve(goneAt || undefined));
    const warning = ear.events.find(({ type }) => type === 'memory.warning');
    const errors = neighbours.errors.splice(0);
    if ((await chromeOf(cdpmux.url)) !== pid) errors.push('the Chrome is another one');
    return {
      grower,
      code,
      reason,
      warnedAt: Number(warning?.fields['heldMb'] ?? NaN),
      peak: Math.round(peak),
      noticed: (ear.events.find(({ type }) => type === 'memory.evicted')?.at ?? NaN) - crossedAt,
      told: at - crossedAt,
      gone: goneAt - crossedAt,
      served: servedAt - crossedAt,
      errors,
      neighboursDid: neighbours.done - before,
    };
  } finally {
    clearInterval(timer);
    renderers.close();
    ear.close();
    client.close();
  }
}

async function chromeOf(url: string): Promise<number> {
  const response = await fetch(`${url}/api/v1/browsers`);
  const { browsers } = (await response.json()) as { browsers: { pid?: number; state: string }[] };
  const pid = browsers.find(({ state }) => state === 'ready')?.pid;
  if (pid === undefined) throw new Error(`no Chrome is ready: ${JSON.stringify(browsers)}`);
  return pid;
}
