import type { Site } from '../site.js';
import type { Watch } from './watch.js';

/** Where a client connects: a Chrome of its own or cdpmux; it can't tell. */
export interface Endpoint {
  /** `http://127.0.0.1:<port>` */
  readonly url: string;
  /** What a client takes as WebSocket endpoint. */
  readonly wsUrl: string;
}

/** What a scenario is given. */
export interface Run {
  readonly endpoint: Endpoint;
  readonly site: Site;
  /** Part of all its URLs, titles and cookies. */
  readonly tag: string;
  /** Records what a raw session hears, for comparison with the others' records. */
  readonly watch: Watch;
  /** Waits until all scenarios that run together have come to this point. */
  readonly meet: (point: string) => Promise<void>;
}

/** Drives one client and tells what it saw, without ids, ports and times. */
export type Scenario = (run: Run) => Promise<Record<string, unknown>>;

/** Waits until a probe gives something other than undefined, asking again every 20 ms up to a deadline. */
export async function until<T>(
  what: string,
  probe: () => Promise<T | undefined> | T | undefined,
): Promise<T> {
  const deadline = Date.now() + 10_000;
  for (;;) {
    const found = await probe();
    if (found !== undefined) return found;
    if (Date.now() > deadline) throw new Error(`waited 10 s for ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

/** Takes named steps one after the other into a result; one that takes longer than 20 s fails with its name. */
export async function inTurn(
  result: Record<string, unknown>,
  steps: Record<string, () => Promise<unknown>>,
): Promise<void> {
  for (const [name, step] of Object.entries(steps)) {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_resolve, reject) => {
      timer = setTimeout(() => reject(new Error('no end within 20 s')), 20_000);
    });
    try {
      result[name] = await Promise.race([step(), late]);
    } catch (error) {
      throw new Error(`in step ${name}: ${String(error)}`, { cause: error });
    } finally {
      clearTimeout(timer);
    }
  }
}

/** A meeting of several scenarios: nobody passes a point before all have come, and one that fails fails all. */
export class Meeting {
  readonly #size: number;
  readonly #points = new Map<string, Point>();
  #failure: Error | undefined;

  constructor(size: number) {
    this.#size = size;
  }

  readonly meet = (name: string): Promise<void> => {
    if (this.#failure !== undefined) return Promise.reject(this.#failure);
    const point = this.#points.get(name) ?? withResolvers();
    this.#points.set(name, point);
    point.come += 1;
    if (point.come === this.#size) point.resolve();
    return point.promise;
  };

  /** Lets everybody who waits, or comes later, fail. */
  readonly fail = (error: unknown): void => {
    this.#failure ??= new Error('another scenario failed', { cause: error });
    for (const point of this.#points.values()) point.reject(this.#failure);
  };
}

interface Point {
  come: number;
  promise: Promise<void>;
  resolve: () => void;
  reject: (error: Error) => void;
}

function withResolvers(): Point {
  const point = { come: 0 } as Point;
  point.promise = new Promise((resolve, reject) => Object.assign(point, { resolve, reject }));
  // a scenario that never comes to this point must not make it an unhandled rejection
  point.promise.catch(() => undefined);
  return point;
}
