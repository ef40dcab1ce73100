import type { Upstream } from '../cdp/upstream.js';
import { ClientTrace } from '../telemetry/client-trace.js';
import type { Metrics } from '../telemetry/metrics.js';
import type { PreparedClient, VirtualBrowser } from '../virtual/virtual-browser.js';
import type { VirtualClient } from '../virtual/virtual-client.js';
import type { ClientLink } from '../virtual/client-link.js';
import { CdpmuxError } from '../errors.js';
import type { RateLimit } from './rate-limit.js';
import { Throttle, weightOf } from './throttle.js';
import { TimeLimits } from './time-limits.js';
import { CHROME_IS_BEHIND, HELD, Valve } from './valve.js';
import type { Admission, Client, Downstream, Seat } from './types.js';

/** Bytes that may wait for Chrome to read before the client that sends them is not read any more. */
const UPSTREAM_BACKLOG = 16 * 1024 * 1024;

/** Shows why its socket was closed by itself, unless its commands fail before. */
const SHOWS_REASON = /^Playwright\//;

/** What holds one client back, beside what its virtual browser may have. */
export interface ClientLimits {
  /** Its tenant's, which all clients of that tenant share; undefined for none. */
  readonly rate: RateLimit | undefined;
  /** Longest time without a CDP frame, ms; 0 for no limit. */
  readonly idle: number;
}

/** The place of one client that was admitted. */
export class ClientSeat implements Seat {
  readonly virtualBrowserId: string;
  readonly #virtual: VirtualBrowser;
  readonly #prepared: PreparedClient;
  readonly #request: Admission;
  readonly #metrics: Metrics;
  readonly #limits: ClientLimits;
  #state: 'free' | 'used' = 'free';

  constructor(
    virtual: VirtualBrowser,
    prepared: PreparedClient,
    request: Admission,
    metrics: Metrics,
    limits: ClientLimits,
  ) {
    this.virtualBrowserId = virtual.id;
    this.#virtual = virtual;
    this.#prepared = prepared;
    this.#request = request;
    this.#metrics = metrics;
    this.#limits = limits;
  }

  attach(downstream: Downstream): Client {
    this.#use();
    const { urlPath = '', labels, traceparent } = this.#request;
    const trace = ClientTrace.open(
      { virtualBrowserId: this.virtualBrowserId, path: urlPath, labels },
      traceparent,
    );
    const { idle, rate } = this.#limits;
    const valve = new Valve(downstream);
    const times = new TimeLimits({ idle, timeout: this.#request.timeout ?? 0 }, (reason) =>
      client.end(4408, reason),
    );
    const showsReason = SHOWS_REASON.test(this.#request.userAgent ?? '');
    const link = new Link({ downstream, valve, times, metrics: this.#metrics, rate, showsReason });
    const client = this.#virtual.attach(this.#prepared, link, trace);
    const throttle = rate && new Throttle(rate, valve);
    return new SeatedClient({
      client,
      valve,
      times,
      throttle,
      upstream: this.#virtual.host.upstream,
      metrics: this.#metrics,
    });
  }

  release(): void {
    this.#use();
    this.#virtual.discard(this.#prepared.rootId);
  }

  #use(): void {
    if (this.#state === 'used') throw new CdpmuxError('ENDED', 'A seat is good for one client, once.');
    this.#state = 'used';
  }
}

/** What a `Link` is made of. */
interface Linked {
  readonly downstream: Downstream;
  readonly valve: Valve;
  readonly times: TimeLimits;
  readonly metrics: Metrics;
  readonly showsReason: boolean;
  readonly rate: RateLimit | undefined;
}

/** The way to the client's socket, counted. */
class Link implements ClientLink {
  readonly showsReason: boolean;
  readonly #downstream: Downstream;
  readonly #valve: Valve;
  readonly #times: TimeLimits;
  readonly #metrics: Metrics;
  readonly #rate: RateLimit | undefined;

  constructor({ downstream, valve, times, metrics, rate, showsReason }: Linked) {
    this.#downstream = downstream;
    this.#valve = valve;
    this.#times = times;
    this.#metrics = metrics;
    this.showsReason = showsReason;
    this.#rate = rate;
  }

  send(message: Buffer): void {
    this.#times.active = true;
    this.#metrics.countBytes(0, message.length);
    this.#downstream.send(message);
  }

  close(code: number, reason: string): void {
    this.#downstream.close(code, reason);
  }

  pause(): void {
    this.#valve.shut(HELD);
  }

  resume(): void {
    this.#valve.open(HELD);
  }

  terminate(): void {
    this.#downstream.terminate();
  }

  observe(seconds: number): void {
    this.#metrics.observeCommand(seconds);
  }

  charge(bytes: number): number {
    return this.#rate?.take(performance.now(), weightOf(bytes)) ?? 0;
  }

  countShared(isKnown: boolean): void {
    this.#metrics.answers.add(isKnown);
  }
}

/** What joins a client's socket to its client. */
interface Joined {
  readonly client: VirtualClient;
  readonly valve: Valve;
  readonly times: TimeLimits;
  readonly throttle: Throttle | undefined;
  readonly upstream: Upstream;
  readonly metrics: Metrics;
}

/** The way from the client's socket, counted, and stopped while Chrome or the client's rate does not keep up. */
class SeatedClient implements Client {
  readonly #client: VirtualClient;
  readonly #valve: Valve;
  readonly #times: TimeLimits;
  readonly #throttle: Throttle | undefined;
  readonly #upstream: Upstream;
  readonly #metrics: Metrics;

  constructor({ client, valve, times, throttle, upstream, metrics }: Joined) {
    this.#client = client;
    this.#valve = valve;
    this.#times = times;
    this.#throttle = throttle;
    this.#upstream = upstream;
    this.#metrics = metrics;
  }

  onMessage(frame: Buffer, isBinary: boolean): void {
    this.#times.active = true;
    this.#metrics.countBytes(frame.length, 0);
    this.#client.onMessage(frame, isBinary);
    this.#throttle?.count(frame.length);
    if (this.#upstream.backlog <= UPSTREAM_BACKLOG || this.#valve.isShutFor(CHROME_IS_BEHIND)) return;
    this.#valve.shut(CHROME_IS_BEHIND);
    this.#upstream.onceDrained(this.#onDrained);
  }

  onPing(): void {
    this.#throttle?.count(0);
  }

  onClose(): void {
    this.#times.close();
    this.#throttle?.close();
    this.#client.onClose();
  }

  #onDrained = (): void => {
    this.#valve.open(CHROME_IS_BEHIND);
  };
}
