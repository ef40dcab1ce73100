import { WriteCounts } from './write-counts.js';

/** How a connection to a browser ended: by cdpmux, or not. */
export type ConnectionEnd = 'closed' | 'lost';

/** What became of connections to browsers since start, and of the clients that came over them. */
export class ConnectionCounts {
  /** Counted by the transports themselves. */
  readonly writes = new WriteCounts();
  #opened = 0;
  readonly #ended: Record<ConnectionEnd, number> = { closed: 0, lost: 0 };
  #clients = 0;
  #reusing = 0;

  addOpened(): void {
    this.#opened++;
  }

  addEnded(how: ConnectionEnd): void {
    this.#ended[how]++;
  }

  /** One client was served; `isReuse` when its connection had been open before it asked. */
  addClient(isReuse: boolean): void {
    this.#clients++;
    if (isReuse) this.#reusing++;
  }

  get opened(): number {
    return this.#opened;
  }

  ended(how: ConnectionEnd): number {
    return this.#ended[how];
  }

  /** Part of the clients, 0 to 1, that needed no connection of their own; 1 while there was none. */
  get reuseRatio(): number {
    return this.#clients === 0 ? 1 : this.#reusing / this.#clients;
  }
}
