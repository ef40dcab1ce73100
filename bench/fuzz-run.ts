import { tmpdir } from 'node:os';
import { setTimeout as delay } from 'node:timers/promises';

import { loadConfig } from '../proxy/config.js';
import { Service } from '../proxy/service.js';
import type { Mux } from '../src/index.js';
import type { Closers } from './closers.js';
import { FuzzClient, type Sent } from './fuzz-client.js';
import { plansOf, type Ids } from './fuzz-frames.js';
import { judge } from './fuzz-judge.js';
import { heapAfterCollection } from './heap.js';
import { until } from './until.js';

/** What a run is given; the same seed gives the same frames, but for the ids that Chrome gives out. */
export interface FuzzOptions {
  readonly chrome: string;
  readonly seed: number;
  /** Ends after so many frames, or so many ms, whichever comes first. */
  readonly frames: number;
  readonly duration: number;
  /** Only this batch, to look at it again. */
  readonly batch?: number;
  /** How much larger cdpmux's heap may be at the end than after the first frames, MB. */
  readonly heapBound: number;
  readonly closers: Closers;
  readonly onProgress?: (report: FuzzReport) => void;
}

/** What a run found; without problems everything held. */
export interface FuzzReport {
  frames: number;
  answers: number;
  batches: number;
  /** Connections that were opened, and how those ended that cdpmux closed. */
  connections: number;
  readonly endings: Map<string, number>;
  /** Commands that Chrome rightly left unanswered, by reason. */
  readonly excused: Map<string, number>;
  /** Evaluations of the client beside it that were answered rightly. */
  bystander: number;
  heapMb: number;
  seconds: number;
  readonly problems: string[];
}

const BATCH = 100;
/** Clients that send at a time, each in a virtual browser of its own. */
const PARALLEL = 6;
/** A client begins anew after so many batches: what it has opened is closed. */
const LIFE = 10;
/** No answer for so long is silence, ms. */
const SILENCE = 300;
/** So many silences are waited for where a command at the root is not answered, since those should be. */
const PATIENCE = 20;
/** A root that answers nothing for so long is stuck, ms. */
const STUCK = 60_000;
const BYSTANDER_DEADLINE = 60_000;
const SETTLE = 20_000;
/** Reports of one kind are alike; so many are told. */
const MOST_PROBLEMS = 50;

/** Throws mutated frames of real clients at a cdpmux in this process, with a real Chrome behind it. */
export async function runFuzz(options: FuzzOptions): Promise<FuzzReport> {
  const { chrome, frames, duration, heapBound, closers, onProgress } = options;
  const report: FuzzReport = {
    ...{ frames: 0, answers: 0, batches: 0, connections: 0, bystander: 0, heapMb: 0, seconds: 0 },
    ...{ endings: new Map(), excused: new Map(), problems: [] },
  };
  const set = ['browsers.max=1', 'browsers.virtualPerBrowser=100', 'limits.targets=8', 'limits.contexts=8'];
  const config = loadConfig({ flags: { chrome, port: '0', set: [...set, 'limits.sessions=200'] } });
  const service = await Service.start(config, {
    env: process.env,
    tmpDir: tmpdir(),
    log: (level, message, fields) => {
      const isLoss = fields !== undefined && 'event' in fields && fields.event === 'browser.lost';
      if (level === 'error' || isLoss) report.problems.push(`${message} ${JSON.stringify(fields)}`);
    },
  });
  const close = closers.add(() => service.close(5_000));
  const url = service.door.webSocketUrl;
  const began = performance.now();
  const end = began + duration;

  const phase = async (until: number): Promise<void> => {
    const bystander = new Bystander(url, report);
    await bystander.start();
    const tell = (): void => {
      report.seconds = (performance.now() - began) / 1000;
      onProgress?.(report);
    };
    const telling = setInterval(tell, 10_000);
    const next = (): number | undefined => {
      const isOver =
        report.frames >= until || performance.now() > end || report.problems.length > MOST_PROBLEMS;
      return isOver ? undefined : report.batches++;
    };
    await Promise.all(
      Array.from({ length: options.batch === undefined ? PARALLEL : 1 }, () =>
        new Attacker(url, options.seed, report, bystander.ids, options.batch !== undefined).run(next),
      ),
    );
    clearInterval(telling);
    await bystander.stop();
    tell();
  };

  if (options.batch !== undefined) {
    report.batches = options.batch;
    await phase(1);
  } else {
    await phase(Math.min(frames / 4, 20_000));
    await settle(service.mux, report);
    const warm = await heapAfterCollection();
    while (report.frames < frames && performance.now() < end && report.problems.length <= MOST_PROBLEMS) {
      await phase(Math.min(frames, report.frames + 50_000));
      await settle(service.mux, report);
      report.heapMb = (await heapAfterCollection()) - warm;
      if (report.heapMb > heapBound) {
        report.problems.push(`cdpmux's heap grew by ${report.heapMb.toFixed(1)} MB, more than ${heapBound}`);
        break;
      }
    }
  }
  await close();
  return report;
}

/** Waits until nobody's things are left; what stays is a problem. */
async function settle(mux: Mux, report: FuzzReport): Promise<void> {
  const left = (): string => {
    const {
      browsers: _browsers,
      connections: _open,
      connectionReuse: _ratio,
      sharedAnswers: _hits,
      ...counts
    } = mux.stats();
    const some = Object.entries(counts).filter(([, count]) => count !== 0);
    return some.map(([name, count]) => `${name} ${count}`).join(', ');
  };
  const empty = (): Promise<true | undefined> => Promise.resolve(left() === '' ? true : undefined);
  await until('an empty cdpmux', SETTLE, empty).catch(() => {
    report.problems.push(`with nobody connected cdpmux still has: ${left()}`);
  });
}

function add(counts: Map<string, number>, key: string, count = 1): void {
  counts.set(key, (counts.get(key) ?? 0) + count);
}

/** Sends batches, and looks after each whether everything was answered. */
class Attacker {
  readonly #url: string;
  readonly #seed: number;
  readonly #report: FuzzReport;
  readonly #foreign: Ids;
  readonly #isShown: boolean;

  constructor(url: string, seed: number, report: FuzzReport, foreign: Ids, isShown: boolean) {
    this.#url = url;
    this.#seed = seed;
    this.#report = report;
    this.#foreign = foreign;
    this.#isShown = isShown;
  }

  async run(next: () => number | undefined): Promise<void> {
    for (let batch = next(); batch !== undefined;) {
      const client = await FuzzClient.open(this.#url);
      this.#report.connections++;
      const methods = new Set<string>();
      for (let life = 0; life < LIFE && batch !== undefined; life++) {
        const isFresh = await this.#batch(client, batch, methods);
        batch = next();
        if (!isFresh) break;
      }
      client.socket.close();
      await client.closed;
    }
  }

  /** False when the client is not good for another batch. */
  async #batch(client: FuzzClient, batch: number, methods: Set<string>): Promise<boolean> {
    const report = this.#report;
    const before = [client.frames, client.answers] as const;
    for (const plan of plansOf(this.#seed + batch, BATCH)) {
      const text = client.send(plan, this.#foreign);
      if (this.#isShown) console.log(text.slice(0, 500));
    }
    for (const { sent } of client.unanswered()) for (const { method } of sent) methods.add(method);
    if (!(await quiet(client))) this.#problem(batch, `the root answered nothing for ${STUCK} ms`);
    let isFresh = client.ending === undefined;
    if (client.ending) {
      const { code, reason } = client.ending;
      add(report.endings, `${code} ${reason}`.trim());
      if (!client.mayCloseWith.has(code))
        this.#problem(batch, `the connection was closed: ${code} ${reason}`);
    } else if (client.outstanding > 0) {
      goOn(client);
      await quiet(client);
      const { excused, problems } = judge(client, methods);
      for (const [why, count] of excused) add(report.excused, why, count);
      for (const problem of problems) this.#problem(batch, problem);
      isFresh = false;
    }
    for (const surplus of client.surplus.splice(0)) this.#problem(batch, surplus);
    report.frames += client.frames - before[0];
    report.answers += client.answers - before[1];
    return isFresh;
  }

  #problem(batch: number, what: string): void {
    this.#report.problems.push(`${what} (npm run fuzz -- --seed ${this.#seed} --batch ${batch})`);
  }
}

/**
 * Until all is answered, or until Chrome has nothing more to say: silence, a command at the root that is answered,
 * and silence after it. On a busy machine silence alone says little. False when not even that command is answered.
 */
async function quiet(client: FuzzClient): Promise<boolean> {
  for (let rounds = 0; client.outstanding > 0 && !client.ending;) {
    const { answers } = client;
    await silence(client);
    if (client.outstanding === 0 || client.ending) return true;
    const late = new AbortController();
    const isAnswered = await Promise.race([
      client.ask('Browser.getVersion').then(() => true),
      delay(STUCK, false, { signal: late.signal }).catch(() => false),
    ]);
    late.abort();
    if (!isAnswered) return false;
    // the answer to that command is one
    rounds = client.answers > answers + 1 ? 0 : rounds + 1;
    const isAtRoot = ({ sessionId = '' }: Sent): boolean => sessionId === '';
    const atRoot = client.unanswered().some(({ sent }) => sent.some(isAtRoot));
    const patience = atRoot ? PATIENCE : 2;
    if (rounds >= patience) return true;
  }
  return true;
}

async function silence(client: FuzzClient): Promise<void> {
  let last = performance.now();
  let { answers } = client;
  while (client.outstanding > 0 && !client.ending) {
    await delay(2);
    if (client.answers !== answers) {
      answers = client.answers;
      last = performance.now();
    } else if (performance.now() - last > SILENCE) return;
  }
}

/** Undoes what makes a page stand still, so far as one can. */
function goOn(client: FuzzClient): void {
  for (const session of client.own.session.slice(1)) {
    client.tell('Page.handleJavaScriptDialog', { accept: true }, session);
    client.tell('Debugger.disable', {}, session);
    client.tell('Fetch.disable', {}, session);
    client.tell('Emulation.setCPUThrottlingRate', { rate: 1 }, session);
    client.tell('Emulation.setVirtualTimePolicy', { policy: 'advance' }, session);
    client.tell('Page.setWebLifecycleState', { state: 'active' }, session);
    client.tell('Runtime.runIfWaitingForDebugger', {}, session);
  }
}

/** A client that only wants to work, in a virtual browser of its own, all the while. */
class Bystander {
  readonly #url: string;
  readonly #report: FuzzReport;
  #client: FuzzClient | undefined;
  #state: 'working' | 'stopped' = 'working';
  #working: Promise<void> = Promise.resolve();

  constructor(url: string, report: FuzzReport) {
    this.#url = url;
    this.#report = report;
  }

  get ids(): Ids {
    return this.#client!.own;
  }

  async start(): Promise<void> {
    this.#client = await FuzzClient.open(this.#url);
    this.#working = this.#work(this.#client);
  }

  async stop(): Promise<void> {
    this.#state = 'stopped';
    await this.#working;
    this.#client?.socket.close();
    await this.#client?.closed;
  }

  async #work(client: FuzzClient): Promise<void> {
    for (let i = 0; this.#state === 'working'; i++) {
      const asked = client.ask('Runtime.evaluate', { expression: `${i} * 7` }, client.own.session[1]);
      const late = new AbortController();
      const value = await Promise.race([
        asked.then(({ result }) => result?.value),
        delay(BYSTANDER_DEADLINE, 'too late', { signal: late.signal }).catch(() => undefined),
      ]);
      late.abort();
      if (value === i * 7) this.#report.bystander++;
      else {
        const how = client.ending ? `closed: ${client.ending.code} ${client.ending.reason}` : String(value);
        this.#report.problems.push(
          `the client beside it: ${i} * 7 is ${how}, about batch ${this.#report.batches}`,
        );
        return;
      }
      await delay(5);
    }
  }
}
