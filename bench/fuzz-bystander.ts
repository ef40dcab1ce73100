import { setTimeout as delay } from 'node:timers/promises';

import { FuzzClient } from './fuzz-client.js';
import type { Ids } from './fuzz-frames.js';
import type { FuzzReport } from './fuzz-run.js';

/** Nobody waits longer than so for the answer to an evaluation, ms. */
const DEADLINE = 180_000;
/** Between two evaluations, ms. */
const PAUSE = 10;

/** A client that only wants to work, in a virtual browser of its own, all the while. */
export class Bystander {
  readonly #url: string;
  readonly #report: FuzzReport;
  #client: FuzzClient | undefined;
  #state: 'working' | 'stopped' = 'working';
  #working: Promise<void> = Promise.resolve();

  constructor(url: string, report: FuzzReport) {
    this.#url = url;
    this.#report = report;
  }

  /** What the attackers should not know. */
  get ids(): Ids {
    return this.#client!.own;
  }

  /** Connects and begins to work. */
  async start(): Promise<void> {
    this.#client = await FuzzClient.open(this.#url);
    this.#working = this.#work(this.#client);
  }

  /** Resolves when the last answer has come and the connection is closed. */
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
        delay(DEADLINE, 'too late', { signal: late.signal }).catch(() => undefined),
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
      await delay(PAUSE);
    }
  }
}
