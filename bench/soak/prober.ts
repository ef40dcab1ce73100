import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';

import { projectRoot } from '../paths.js';
import type { Probed, ProbeNews, ProbeOrder } from './probe-messages.js';

/** Longest that the probes may take to end: who waits for a place waits for so long at most, ms. */
const PATIENCE = 200_000;

/** The process of the probes, from outside. */
export class Prober {
  readonly #child: ChildProcess;

  private constructor(child: ChildProcess) {
    this.#child = child;
  }

  static async start(): Promise<Prober> {
    const prober = new Prober(
      fork(join(projectRoot, 'dist/bench/soak/probe.js'), { execArgv: [], serialization: 'advanced' }),
    );
    await prober.#hear();
    return prober;
  }

  /** Begins to probe a cdpmux and a Chrome, so often a second each. */
  begin(cdpmux: string, direct: string, perSecond: number): void {
    this.#tell({ order: 'probe', cdpmux, direct, perSecond });
  }

  /** Ends it, and gives what was met. */
  async end(): Promise<Probed> {
    const heard = this.#hear();
    this.#tell({ order: 'stop' });
    const news = await heard;
    if (news.news !== 'probed') throw new Error('the probes said something else');
    return news.probed;
  }

  close(): void {
    this.#child.kill('SIGKILL');
  }

  #tell(order: ProbeOrder): void {
    this.#child.send(order);
  }

  async #hear(): Promise<ProbeNews> {
    const [news] = (await once(this.#child, 'message', { signal: AbortSignal.timeout(PATIENCE) })) as [
      ProbeNews,
    ];
    return news;
  }
}
