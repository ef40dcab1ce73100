import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { loadConfig } from '../proxy/config.js';
import { Service } from '../proxy/service.js';
import type { ChromeExecutable, Mux } from '../src/index.js';
import { UpstreamRelay } from './chaos/upstream-relay.js';
import type { Closers } from './closers.js';
import { comebackClients, type Left } from './comeback-clients.js';
import { leftOver, settle, summary, type Moment } from './leftovers.js';
import { RawClient } from './raw-client.js';
import { TruthTeller, withPort } from './truth.js';
import { until } from './until.js';

/** Longest that anything may take, ms. */
const PATIENCE = 20_000;
/** How long is kept what ends by its time, ms: also what a client has for coming back once more. */
const SHORT = 100;

/** What a run is given. */
export interface ComebackOptions {
  readonly executable: ChromeExecutable;
  readonly times: number;
  readonly closers: Closers;
  /** Told of each time, from 0. */
  readonly onTime?: (n: number) => void;
  /** Told of each problem as it comes; what is left over is known at the end only. */
  readonly onProblem?: (problem: string) => void;
}

/** What a run found; without problems everything was there, and nothing left over. */
export interface ComebackReport {
  readonly version: string;
  readonly start: Moment;
  readonly end: Moment;
  /** How often each of them was tried. */
  readonly tried: Readonly<Record<string, number>>;
  readonly problems: readonly string[];
}

/** How one client goes, comes back, and ends it. */
interface Way {
  readonly client: keyof typeof comebackClients;
  readonly by: 'id' | 'name';
  /** When the page that was on its way gets its answer: while nobody is there, or when its client is back. */
  readonly answered: 'away' | 'back';
  /** Ended by `Browser.close`, or because nobody came while it was kept. */
  readonly ended: 'closed' | 'kept to the end';
}

/** All ways are gone in 16 times; of the first four each differs from the one before. */
function wayOf(n: number): Way {
  const isOdd = (bits: number): boolean => (bits & 1) === 1;
  return {
    client: isOdd(n) ? 'playwright' : 'puppeteer',
    by: isOdd(n >> 1) ? 'name' : 'id',
    answered: isOdd(n ^ (n >> 1) ^ (n >> 2)) ? 'back' : 'away',
    ended: isOdd((n >> 1) ^ (n >> 3)) ? 'kept to the end' : 'closed',
  };
}

/**
 * Clients open pages in a cdpmux of this process, lose their network in the middle of a navigation, come back, look, and
 * go for good, again and again; then cdpmux and its Chrome are asked what is left.
 */
export async function runComebacks(options: ComebackOptions): Promise<ComebackReport> {
  const { executable, times, closers, onTime, onProblem } = options;
  const directory = await mkdtemp(join(tmpdir(), 'cdpmux-comebacks-'));
  closers.add(() => rm(directory, { recursive: true, force: true }));
  const site = await SlowSite.open();
  closers.add(() => site.close());
  const errors: string[] = [];
  const note = (problem: string): void => {
    errors.push(problem);
    onProblem?.(problem);
  };
  const set = ['browsers.min=1', 'browsers.max=1', `browsers.kind=${executable.kind}`];
  const config = loadConfig({
    flags: { chrome: await withPort(executable, directory), port: '0', set },
  });
  const service = await Service.start(config, {
    env: { ...process.env, ...executable.env },
    tmpDir: directory,
    log: (level, message, fields) => {
      if (level === 'error') note(`${message} ${JSON.stringify(fields)}`);
    },
  });
  closers.add(() => service.close(5_000));
  const relay = await UpstreamRelay.open(service.door.webSocketUrl);
  closers.add(() => relay.close());
  const truth = await TruthTeller.find(directory);
  closers.add(() => truth.close());

  // what is kept ready must go without a trace, too
  const look = async (): Promise<Moment> => {
    service.mux.reconfigure({ stock: { ...config.stock, enabled: false } });
    const moment = await settle(service.mux, truth);
    service.mux.reconfigure({ stock: config.stock });
    return moment;
  };
  const start = await look();
  const tried: Record<string, number> = {};
  for (let n = 0; n < times; n++) {
    onTime?.(n);
    const way = wayOf(n);
    const name = Object.values(way).join(', ');
    tried[name] = (tried[name] ?? 0) + 1;
    try {
      await goAndComeBack(way, n, { mux: service.mux, relay, site });
    } catch (error) {
      note(`${name}: ${String(error)}`);
    }
  }
  const end = await look();
  // Clients of this process have timers of their own.
  const problems = [...summary(errors), ...leftOver({ ...end, timers: 0 }, start)];
  return { version: await truth.version(), start, end, tried, problems };
}

/** Where it happens. */
interface Scene {
  readonly mux: Mux;
  readonly relay: UpstreamRelay;
  readonly site: SlowSite;
}

/** Once: throws when something is not as it was. */
async function goAndComeBack({ client, by, answered, ended }: Way, n: number, scene: Scene): Promise<void> {
  const { mux, relay, site } = scene;
  const one = comebackClients[client];
  const named = `${relay.wsUrl}name/back/`;
  const left: Left = {
    home: `${site.url}home`,
    slow: `${site.url}slow`,
    script: `window.kept = localStorage.kept = "time ${n}"; document.cookie = "kept=${n}"`,
  };
  const id = await one.leave(`${by === 'name' ? named : relay.wsUrl}?keepAlive=60000`, left);
  const answer = await site.asked();
  await cutAll(scene);
  if (mux.stats().virtualBrowsers !== 1) throw new Error('the virtual browser was not kept');
  if (answered === 'away') answer();

  const path = by === 'name' ? named : `${relay.wsUrl}devtools/browser/${id}`;
  const coming = one.comeBack(`${path}?keepAlive=${ended === 'closed' ? 60_000 : SHORT}`, left);
  coming.catch(() => undefined);
  if (answered === 'back') {
    await become('a client that is back', () => mux.stats().clients === 1);
    answer();
  }
  const back = await coming;
  const { state: is, arrived, further } = back;
  const found = { state: is, arrived, further };
  const state = `time ${n},time ${n},kept=${n}`;
  // What Playwright makes goes with it, as it asks for.
  const expected = { state, arrived: `kept=${n}`, ...(client === 'puppeteer' && { further: state }) };
  if (JSON.stringify(found) !== JSON.stringify(expected)) {
    throw new Error(`found ${JSON.stringify(found)}, left ${JSON.stringify(expected)}`);
  }
  if (ended === 'closed') await back.close();
  else await cutAll(scene);
  await become('the end of the virtual browser', () => mux.stats().virtualBrowsers === 0);
  const again = await RawClient.connect(`${relay.wsUrl}devtools/browser/${id}`).then(
    () => 'taken',
    (error: Error) => error.message,
  );
  if (!again.includes('404')) throw new Error(`after its end, one who comes back is told: ${again}`);
}

/** Without a word to either side. */
async function cutAll({ mux, relay }: Scene): Promise<void> {
  while (relay.cut(0)) await become('the cut', () => relay.connections === 0);
  await become('the loss of the client', () => mux.stats().clients === 0);
}

function become(what: string, condition: () => boolean): Promise<true> {
  return until(what, PATIENCE, () => Promise.resolve(condition() || undefined));
}

/** A web server with one page that is there at once, and one that answers when it is told to. */
class SlowSite {
  readonly url: string;
  readonly #close: () => Promise<void>;
  #slow: ServerResponse | undefined;

  private constructor(url: string, close: () => Promise<void>) {
    this.url = url;
    this.#close = close;
  }

  static async open(): Promise<SlowSite> {
    const server = createServer((request, response) => {
      response.writeHead(200, { 'content-type': 'text/html', 'cache-control': 'no-store' });
      if (request.url === '/slow') site.#slow = response;
      else response.end('<title>home</title><link rel="icon" href="data:,">');
    }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const close = async (): Promise<void> => {
      const closed = once(server, 'close');
      server.close();
      server.closeAllConnections();
      await closed;
    };
    const site = new SlowSite(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`, close);
    return site;
  }

  /** Waits until a page asks for what is slow, and gives what answers it. */
  async asked(): Promise<() => void> {
    const response = await until('a navigation', PATIENCE, () => Promise.resolve(this.#slow));
    this.#slow = undefined;
    return () => response.end('<title>arrived</title><link rel="icon" href="data:,">');
  }

  close(): Promise<void> {
    return this.#close();
  }
}
