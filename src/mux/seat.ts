import type { Upstream } from '../cdp/upstream.js';
import { ClientTrace } from '../telemetry/client-trace.js';
import type { Metrics } from '../telemetry/metrics.js';
import type { PreparedClient, VirtualBrowser } from '../virtual/virtual-browser.js';
import type { ClientLink, VirtualClient } from '../virtual/virtual-client.js';
import { CdpmuxError } from '../errors.js';
import type { Admission, Client, Downstream, Seat } from './types.js';

/** Bytes that may wait for Chrome to read before the client that sends them is not read any more. */
const UPSTREAM_BACKLOG = 16 * 1024 * 1024;

/** The place of one client that was admitted. */
export class ClientSeat implements Seat {
  readonly virtualBrowserId: string;
  readonly #virtual: VirtualBrowser;
  readonly #prepared: PreparedClient;
  readonly #request: Admission;
  readonly #metrics: Metrics;
  #state: 'free' | 'used' = 'free';

  constructor(virtual: VirtualBrowser, prepared: PreparedClient, request: Admission, metrics: Metrics) {
    this.virtualBrowserId = virtual.id;
    this.#virtual = virtual;
    this.#prepared = prepared;
    this.#request = request;
    this.#metrics = metrics;
  }

  attach(downstream: Downstream): Client {
    this.#use();
    const { urlPath = '', labels, traceparent } = this.#request;
    const trace = ClientTrace.open(
      { virtualBrowserId: this.virtualBrowserId, path: urlPath, labels },
      traceparent,
    );
    const link = new Link(downstream, this.#metrics);
    const client = this.#virtual.attach(this.#prepared, link, trace);
    return new SeatedClient(client, downstream, this.#virtual.host.upstream, this.#metrics);
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

/** The way to the client's socket, counted. */
class Link implements ClientLink {
  readonly #downstream: Downstream;
  readonly #metrics: Metrics;

  constructor(downstream: Downstream, metrics: Metrics) {
    this.#downstream = downstream;
    this.#metrics = metrics;
  }

  send(message: Buffer): void {
    this.#metrics.countBytes(0, message.length);
    this.#downstream.send(message);
  }

  close(code: number, reason: string): void {
    this.#downstream.close(code, reason);
  }

  terminate(): void {
    this.#downstream.terminate();
  }

  observe(seconds: number): void {
    this.#metrics.observeCommand(seconds);
  }
}

/** The way from the client's socket, counted, and stopped while Chrome does not keep up. */
class SeatedClient implements Client {
  readonly #client: VirtualClient;
  readonly #downstream: Downstream;
  readonly #upstream: Upstream;
  readonly #metrics: Metrics;
  #state: 'reading' | 'paused' = 'reading';

  constructor(client: VirtualClient, downstream: Downstream, upstream: Upstream, metrics: Metrics) {
    this.#client = client;
    this.#downstream = downstream;
    this.#upstream = upstream;
    this.#metrics = metrics;
  }

  onMessage(frame: Buffer, isBinary: boolean): void {
    this.#metrics.countBytes(frame.length, 0);
    this.#client.onMessage(frame, isBinary);
    if (this.#upstream.backlog <= UPSTREAM_BACKLOG || this.#state === 'paused') return;
    this.#state = 'paused';
    this.#downstream.pause();
    this.#upstream.onceDrained(this.#onDrained);
  }

  onClose(): void {
    this.#client.onClose();
  }

  #onDrained = (): void => {
    this.#state = 'reading';
    this.#downstream.resume();
  };
}
