import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';

import { projectRoot } from '../paths.js';
import type { News, Order, Unit } from './messages.js';

/** How long they may take to load all client libraries, ms: a minute and more where others want the processors. */
const START = 200_000;
/** How long the clients may take to answer an order, ms. */
const PATIENCE = 60_000;

/** The process of the clients, from outside. */
export class Crew {
  readonly pid: number;
  readonly #child: ChildProcess;
  /** Called with each unit that has ended. */
  onUnit: (unit: Unit) => void = () => undefined;
  readonly #waiting = new Set<(news: News) => void>();

  private constructor(child: ChildProcess) {
    this.#child = child;
    this.pid = child.pid ?? -1;
    child.on('message', (news: News) => {
      if (news.news === 'unit') this.onUnit(news.unit);
      for (const listener of [...this.#waiting]) listener(news);
    });
  }

  /** Starts the built program of the clients of that name: the chaos' own, or others that obey the same orders. */
  static async start(program = 'chaos/clients.js'): Promise<Crew> {
    const child = fork(join(projectRoot, 'dist/bench', program), { execArgv: [] });
    const crew = new Crew(child);
    await crew.#hear('ready', START);
    return crew;
  }

  /** So many clients do units of work, so many or until `stop`. */
  work(wsUrl: string, clients: number, units?: number): void {
    this.#tell({ order: 'work', wsUrl, clients, ...(units !== undefined && { units }) });
  }

  /** Lets each end what it does. */
  stop(): void {
    this.#tell({ order: 'stop' });
  }

  /** Resolves when all have ended their last unit. */
  async done(within: number): Promise<void> {
    await this.#hear('done', within);
  }

  /** Cuts the connection of one at work; gives its unit. */
  async cut(part: number): Promise<number | undefined> {
    this.#tell({ order: 'cut', part });
    return (await this.#hear('cut', PATIENCE)).unit;
  }

  async close(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const gone = once(this.#child, 'exit');
    this.#child.kill('SIGKILL');
    await gone;
  }

  #tell(order: Order): void {
    this.#child.send(order);
  }

  #hear<K extends News['news']>(kind: K, within: number): Promise<Extract<News, { news: K }>> {
    return new Promise((resolve, reject) => {
      const over = (how: () => void): void => {
        clearTimeout(late);
        this.#waiting.delete(listener);
        this.#child.off('exit', onExit);
        how();
      };
      const late = setTimeout(
        () => over(() => reject(new Error(`the clients said no "${kind}" within ${within} ms`))),
        within,
      );
      const onExit = (code: number | null): void =>
        over(() => reject(new Error(`the process of the clients ended with ${code}`)));
      const listener = (news: News): void => {
        if (news.news === kind) over(() => resolve(news as Extract<News, { news: K }>));
      };
      this.#waiting.add(listener);
      this.#child.once('exit', onExit);
    });
  }
}
