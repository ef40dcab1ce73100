import type { Socket } from 'node:net';

/** What a link does to bytes, in both directions alike. */
export interface LinkOptions {
  /** One way, ms. */
  readonly delay: number;
  /** Bits per second, which all connections share. */
  readonly rate: number;
  /** Most bytes of one connection on their way without being acknowledged: the receiver's window. */
  readonly window: number;
}

/** Payload of a TCP segment, and what it takes on the wire. */
const SEGMENT = 1_448;
const ON_WIRE = 1_500;
/** What Linux sends before the first acknowledgement. */
const INITIAL_WINDOW = 10 * SEGMENT;
/** A connection idle for so long halves its window, as `tcp_slow_start_after_idle` has it, ms. */
const IDLE = 200;
/** The router's buffer: beyond it, it would drop. About what is on its way in a full link of 100 Mbit/s and 20 ms. */
const ROUTER_BUFFER = 256 * 1024;
/** A source is not read any more while so much of it waits here, as with the sender's own buffer full. */
const SEND_BUFFER = 1024 * 1024;

/** A segment on its way. */
interface Segment {
  readonly flow: Flow;
  readonly bytes: Buffer;
  readonly arrivesAt: number;
}

/** One direction of one connection: a sender with TCP's windows. */
class Flow {
  readonly from: Socket;
  readonly to: Socket;
  readonly #most: number;
  #waiting: Buffer[] = [];
  #waitingBytes = 0;
  #inFlight = 0;
  #window: number;
  #threshold = Infinity;
  #lastSent = 0;
  #reducedAt = 0;

  constructor(from: Socket, to: Socket, window: number) {
    this.from = from;
    this.to = to;
    this.#most = window;
    this.#window = Math.min(INITIAL_WINDOW, window);
  }

  take(bytes: Buffer): void {
    this.#waiting.push(bytes);
    this.#waitingBytes += bytes.length;
    if (this.#waitingBytes > SEND_BUFFER) this.from.pause();
  }

  /** The next segment, if the window lets it go. */
  next(now: number): Buffer | undefined {
    const first = this.#waiting[0];
    if (!first) return undefined;
    const length = Math.min(SEGMENT, first.length);
    if (this.#inFlight === 0) this.#afterIdle(now);
    if (this.#inFlight + length > Math.max(this.#window, SEGMENT)) return undefined;
    if (length === first.length) this.#waiting.shift();
    else this.#waiting[0] = first.subarray(length);
    this.#waitingBytes -= length;
    if (this.#waitingBytes < SEND_BUFFER / 2 && this.from.isPaused()) this.from.resume();
    this.#inFlight += length;
    this.#lastSent = now;
    return first.subarray(0, length);
  }

  acknowledged(length: number): void {
    this.#inFlight -= length;
    const isSlowStart = this.#window < this.#threshold;
    const more = isSlowStart ? length : (SEGMENT * length) / this.#window;
    this.#window = Math.min(this.#most, this.#window + more);
  }

  /** The router's buffer is full; said at most once for what one window sent. */
  congested(now: number, roundTrip: number): void {
    if (now - this.#reducedAt < roundTrip) return;
    this.#reducedAt = now;
    this.#window = Math.max(2 * SEGMENT, this.#window * 0.7);
    this.#threshold = this.#window;
  }

  #afterIdle(now: number): void {
    const halvings = Math.floor((now - this.#lastSent) / IDLE);
    if (halvings > 0 && this.#window > INITIAL_WINDOW) {
      this.#window = Math.max(INITIAL_WINDOW, this.#window / 2 ** halvings);
    }
  }
}

/**
 * One direction of a link: a router with one queue for all, first come first served, behind which the way is long.
 * Each sender has TCP's windows: slow start from 10 segments, a reduction to 0.7 when the router's buffer is full (nothing is
 * really lost, as with ECN), growth by a segment for each round trip after that, halving when idle, and the receiver's window.
 */
export class LinkDirection {
  readonly #options: LinkOptions;
  readonly #flows = new Set<Flow>();
  readonly #travelling: Segment[] = [];
  readonly #acknowledging: Segment[] = [];
  /** When the router will have sent what it has. */
  #freeAt = 0;

  constructor(options: LinkOptions) {
    this.#options = options;
  }

  /** Carries what one socket says to the other. */
  join(from: Socket, to: Socket): void {
    const flow = new Flow(from, to, this.#options.window);
    this.#flows.add(flow);
    from.on('data', (bytes: Buffer) => flow.take(bytes));
    from.on('close', () => this.#flows.delete(flow));
  }

  /** Does what is due; called every millisecond. */
  step(): void {
    const now = performance.now();
    const { delay } = this.#options;
    for (let one = this.#travelling[0]; one && one.arrivesAt <= now; one = this.#travelling[0]) {
      this.#travelling.shift();
      if (!one.flow.to.destroyed) one.flow.to.write(one.bytes);
      this.#acknowledging.push({ ...one, arrivesAt: one.arrivesAt + delay });
    }
    for (let one = this.#acknowledging[0]; one && one.arrivesAt <= now; one = this.#acknowledging[0]) {
      this.#acknowledging.shift();
      one.flow.acknowledged(one.bytes.length);
    }
    this.#send(now);
  }

  /** Whoever's window is open sends a segment in turn. */
  #send(now: number): void {
    const { delay, rate } = this.#options;
    for (let hasSent = true; hasSent;) {
      hasSent = false;
      for (const flow of this.#flows) {
        const bytes = flow.next(now);
        if (!bytes) continue;
        hasSent = true;
        this.#freeAt = Math.max(now, this.#freeAt) + ((bytes.length + ON_WIRE - SEGMENT) * 8_000) / rate;
        const queued = ((this.#freeAt - now) * rate) / 8_000;
        if (queued > ROUTER_BUFFER) flow.congested(now, 2 * delay);
        this.#travelling.push({ flow, bytes, arrivesAt: this.#freeAt + delay });
      }
    }
  }
}
