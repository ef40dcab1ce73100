import { setTimeout as delay } from 'node:timers/promises';

import { FuzzClient } from './fuzz-client.js';
import { plansOf, type Ids } from './fuzz-frames.js';
import { judge } from './fuzz-judge.js';
import type { FuzzReport } from './fuzz-run.js';
import type { LastSent } from './fuzz-sent.js';

const BATCH = 100;
/** A client begins anew after so many batches: what it has opened is closed. */
const LIFE = 20;
/** No answer for so long is silence, ms. */
const SILENCE = 300;
/** So many silences are waited for where something is not answered that should be. */
const PATIENCE = 20;
/** A client that gets no answer at all for so long is stuck, ms. */
const STUCK = 180_000;

/** What the attackers of a run share. */
export interface Field {
  readonly url: string;
  readonly seed: number;
  readonly report: FuzzReport;
  readonly sent: LastSent;
  /** Ids of the client beside them. */
  readonly foreign: Ids;
  /** Whether frames are printed. */
  readonly isShown: boolean;
  /** The next batch to send, undefined when there is none left. */
  readonly next: () => number | undefined;
}

/** Sends batches, and looks after each whether everything was answered. */
export class Attacker {
  readonly #field: Field;
  readonly #number: number;
  /** Sent since the client's virtual browser was furnished. */
  #methods = new Set<string>();

  constructor(field: Field, number: number) {
    this.#field = field;
    this.#number = number;
  }

  /** Until there is no batch left. */
  async run(): Promise<void> {
    const { url, report, next } = this.#field;
    for (let batch = next(); batch !== undefined;) {
      const client = await FuzzClient.open(url).catch((error: unknown) => {
        this.#problem(batch!, `nobody is let in any more: ${String(error)}`);
      });
      if (!client) return;
      report.connections++;
      this.#methods = new Set();
      for (let life = 1; batch !== undefined; life++) {
        const isFresh = await this.#batch(client, batch);
        const isGood = client.ending === undefined && life < LIFE;
        const isReady = isGood && (isFresh || (await this.#renew(client, batch)));
        batch = next();
        if (!isReady) break;
      }
      client.socket.close();
      await client.closed;
    }
  }

  /** Whether all was answered, and nothing has gone of what the frames name. */
  async #batch(client: FuzzClient, batch: number): Promise<boolean> {
    const { seed, report, sent: kept, foreign, isShown } = this.#field;
    const before = [client.frames, client.answers] as const;
    for (const plan of plansOf(seed + batch, BATCH)) {
      const text = client.send(plan, foreign);
      kept.add(this.#number, batch, text);
      if (isShown) console.log(text);
    }
    for (const { sent } of client.unanswered()) for (const { method } of sent) this.#methods.add(method);
    await this.#quiet(client, batch);
    let isFresh = client.ending === undefined && !client.isWorn;
    if (client.ending) {
      const { code, reason } = client.ending;
      add(report.endings, `${code} ${reason}`.trim());
      if (!client.mayCloseWith.has(code))
        this.#problem(batch, `the connection was closed: ${code} ${reason}`);
    } else if (client.outstanding > 0) {
      goOn(client);
      await this.#quiet(client, batch);
      this.#judge(client, batch);
      isFresh = false;
    }
    for (const surplus of client.surplus.splice(0)) this.#problem(batch, surplus);
    report.frames += client.frames - before[0];
    report.answers += client.answers - before[1];
    return isFresh;
  }

  #judge(client: FuzzClient, batch: number): void {
    const { excused, problems } = judge(client, this.#methods);
    for (const [why, count] of excused) add(this.#field.report.excused, why, count);
    for (const problem of problems) this.#problem(batch, problem);
    client.forget();
  }

  /** Whether the client got a new page in its virtual browser. */
  async #renew(client: FuzzClient, batch: number): Promise<boolean> {
    const { report } = this.#field;
    const isRenewed = await isDone(client, client.renew());
    if (client.ending) return false;
    if (!isRenewed) {
      this.#judge(client, batch);
      return false;
    }
    report.renewals++;
    this.#methods = new Set();
    return true;
  }

  /**
   * Until all is answered, or until Chrome has nothing more to say: silence, a command at the root that is answered,
   * and silence after it. On a busy machine silence alone says little; where something is missing that nothing
   * excuses, far more of it is waited for.
   */
  async #quiet(client: FuzzClient, batch: number): Promise<void> {
    for (let rounds = 0; client.outstanding > 0 && !client.ending;) {
      const { answers } = client;
      await client.silence(SILENCE);
      if (client.outstanding === 0 || client.ending) return;
      if (!(await isDone(client, client.ask('Browser.getVersion')))) {
        this.#problem(batch, `the root answered nothing for ${STUCK} ms`);
        return;
      }
      // the answer to that command is one
      rounds = client.answers > answers + 1 ? 0 : rounds + 1;
      if (rounds < 2) continue;
      const isExcused = judge(client, this.#methods).problems.length === 0;
      if (isExcused || rounds >= PATIENCE) return;
    }
  }

  #problem(batch: number, what: string): void {
    const { report, seed } = this.#field;
    report.problems.push(`${what} (npm run fuzz -- --seed ${seed} --batch ${batch})`);
  }
}

/** Whether something resolves before its client is stuck: on a busy machine many answers may come before. */
async function isDone(client: FuzzClient, asked: Promise<unknown>): Promise<boolean> {
  const done = asked.then(() => true);
  for (;;) {
    const { answers } = client;
    const late = new AbortController();
    const waited = delay(STUCK, false, { signal: late.signal }).catch(() => false);
    const isResolved = await Promise.race([done, waited]);
    late.abort();
    if (isResolved || client.answers === answers) return isResolved;
  }
}

function add(counts: Map<string, number>, key: string, count = 1): void {
  counts.set(key, (counts.get(key) ?? 0) + count);
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
