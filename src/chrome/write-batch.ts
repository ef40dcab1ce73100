import { WriteCounts, type FlushReason } from '../telemetry/write-counts.js';

/** How commands are gathered into writes. */
export interface BatchSettings {
  /** False: each command is written by itself, at once. */
  readonly enabled: boolean;
  /** Commands in one write, at most. */
  readonly maxSize: number;
  /**
   * none: what one turn of the event loop brings, or what comes while an earlier write is still going out, leaves together, and
   * nothing waits longer. Else the first command opens a window of so many ms, in which others may join it.
   */
  readonly window: number | 'none';
}

/** The settings as they are now, read when a batch begins, and where its end is counted. */
export interface Batching {
  readonly settings: () => BatchSettings;
  readonly counts: WriteCounts;
}

/** The way out that a batch is written to. */
export interface Line {
  /** Whether an earlier write is still going out. */
  readonly busy: boolean;
  /** Writes what was gathered. */
  writeOut(): void;
}

/** Without a word about batches: none waits, and none is larger than 10. */
export function adaptiveBatching(): Batching {
  const settings: BatchSettings = { enabled: true, maxSize: 10, window: 'none' };
  return { settings: () => settings, counts: new WriteCounts() };
}

/**
 * Decides when commands that were gathered are written. The transport keeps their bytes, and tells when one is complete (`add`), when the
 * line has become idle (`lineIdle`), and when they have to leave for another reason (`flush`).
 *
 * Without a window, a turn's first command leaves at once when the turn before had no other, so that who sends one at a time never
 * waits; else it waits for those that come in the same turn. So writes become fewer as soon as there is more to write.
 */
export class WriteBatch {
  readonly #line: Line;
  readonly #batching: Batching;
  #size = 0;
  #maxSize = 1;
  /** What the open batch waits for; `nothing` while there is none. */
  #waitsFor: 'nothing' | 'turn' | 'line' | 'window' = 'nothing';
  #openedAt = 0;
  #timer: NodeJS.Timeout | undefined;
  /** Whether the end of this turn has been asked for. */
  #endsTurn = false;
  /** Whether what comes in this turn is to leave at its end. */
  #gathers = false;
  #inTurn = 0;
  #inLastTurn = 0;

  constructor(line: Line, batching: Batching) {
    this.#line = line;
    this.#batching = batching;
  }

  /** Whether the next command opens a batch. */
  get isEmpty(): boolean {
    return this.#size === 0;
  }

  /** One more command is complete. */
  add(): void {
    this.#inTurn++;
    if (++this.#size === 1) this.#open();
    else if (this.#size >= this.#maxSize) this.flush('size');
  }

  /** One that is there must not wait for a window. */
  hurry(): void {
    if (this.#waitsFor === 'window') this.flush('turn');
  }

  /** This turn's commands leave at its end, be there one or many, where batches are on and have no window. */
  gather(): void {
    this.#gathers = true;
    this.#askForEnd();
  }

  /** An earlier write is out. */
  lineIdle(): void {
    if (this.#waitsFor === 'line') this.flush('idle');
  }

  /** Writes what is there, if anything is. */
  flush(reason: FlushReason): void {
    const size = this.#size;
    if (size === 0) return;
    this.drop();
    this.#batching.counts.add(reason, size, performance.now() - this.#openedAt);
    this.#line.writeOut();
  }

  /** Forgets what is there: the line is gone. */
  drop(): void {
    this.#size = 0;
    this.#waitsFor = 'nothing';
    if (this.#timer === undefined) return;
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  /** Only for the end of the turn that was asked for. */
  turnOver(): void {
    this.#endsTurn = false;
    this.#gathers = false;
    this.#inLastTurn = this.#inTurn;
    this.#inTurn = 0;
    if (this.#waitsFor === 'turn') this.flush('turn');
  }

  /** Only for the timer. */
  windowOver(): void {
    this.#timer = undefined;
    this.flush('window');
  }

  #open(): void {
    const { enabled, maxSize, window } = this.#batching.settings();
    this.#openedAt = performance.now();
    this.#maxSize = maxSize;
    if (!enabled || maxSize === 1) return this.flush('size');
    if (window !== 'none') {
      this.#waitsFor = 'window';
      this.#timer = setTimeout(windowOver, window, this);
      return;
    }
    this.#askForEnd();
    if (this.#line.busy) this.#waitsFor = 'line';
    else if (this.#inTurn === 1 && this.#inLastTurn <= 1 && !this.#gathers) this.flush('idle');
    else this.#waitsFor = 'turn';
  }

  #askForEnd(): void {
    if (this.#endsTurn) return;
    this.#endsTurn = true;
    setImmediate(turnOver, this);
  }
}

function turnOver(batch: WriteBatch): void {
  batch.turnOver();
}

function windowOver(batch: WriteBatch): void {
  batch.windowOver();
}
