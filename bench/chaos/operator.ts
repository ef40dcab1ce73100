import { request, type IncomingMessage } from 'node:http';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';

import type { BrowserReport, ConnectionReport, MuxStats, VirtualBrowserReport } from '../../src/index.js';

/** Longest that an order may take unless told otherwise, ms. */
const PATIENCE = 30_000;

/** Orders that an operator gives to one browser. */
export type BrowserOrder = 'cordon' | 'uncordon' | 'drain' | 'recycle';

/** Speaks to `/api/v1/` as any operator does, each request on a connection of its own: none is left open. */
export class Operator {
  readonly #url: string;
  readonly #patience: number;

  constructor(url: string, patience = PATIENCE) {
    this.#url = url;
    this.#patience = patience;
  }

  async browsers(): Promise<readonly BrowserReport[]> {
    return (await this.#get<{ browsers: BrowserReport[] }>('browsers')).browsers;
  }

  async virtualBrowsers(): Promise<readonly VirtualBrowserReport[]> {
    return (await this.#get<{ virtualBrowsers: VirtualBrowserReport[] }>('virtual-browsers')).virtualBrowsers;
  }

  async connections(): Promise<readonly ConnectionReport[]> {
    return (await this.#get<{ connections: ConnectionReport[] }>('connections')).connections;
  }

  /** The counts of what is there now. */
  async counts(): Promise<Omit<MuxStats, 'connections' | 'connectionReuse' | 'sharedAnswers' | 'container'>> {
    const { browsers, virtualBrowsers, clients, contexts, targets, sessions, pendingCommands, waiting } =
      await this.#get<MuxStats>('status');
    return { browsers, virtualBrowsers, clients, contexts, targets, sessions, pendingCommands, waiting };
  }

  /** Gives the HTTP status: a browser may have gone, or be in another state, by the time the order comes. */
  async order(id: string, order: BrowserOrder): Promise<number> {
    return (await this.#ask('POST', `browsers/${id}/${order}`)).status;
  }

  /** Orders for all of it. */
  async orderAll(order: 'pause' | 'resume' | 'reconnect'): Promise<number> {
    return (await this.#ask('POST', order)).status;
  }

  async #get<T>(path: string): Promise<T> {
    const { status, body } = await this.#ask('GET', path);
    if (status !== 200) throw new Error(`GET /api/v1/${path} answered ${status}: ${body}`);
    return JSON.parse(body) as T;
  }

  async #ask(method: string, path: string): Promise<{ status: number; body: string }> {
    const signal = AbortSignal.timeout(this.#patience);
    const outgoing = request(`${this.#url}/api/v1/${path}`, { method, agent: false, signal });
    outgoing.end();
    const [response] = (await once(outgoing, 'response')) as [IncomingMessage];
    return { status: response.statusCode ?? 0, body: await text(response) };
  }
}
