import { ChromeBrowser } from '../../src/chrome/browser.js';
import { everybody } from '../../src/index.js';
import { ClientTrace } from '../../src/telemetry/client-trace.js';
import type { VirtualBrowser, VirtualBrowserOptions } from '../../src/virtual/virtual-browser.js';
import type { VirtualClient } from '../../src/virtual/virtual-client.js';
import type { ClientLink } from '../../src/virtual/client-link.js';
import { VirtualHost } from '../../src/virtual/virtual-host.js';
import type { Message } from './cdp-client.js';
import { eventually } from './eventually.js';

/** A host of virtual browsers in a Chrome that the test can also speak to behind its back. */
export interface Hosted {
  readonly host: VirtualHost;
  close(): Promise<void>;
}

/** Connects to a Chrome at a WebSocket URL. */
export async function openHost(wsUrl: string): Promise<Hosted> {
  const chrome = await ChromeBrowser.connect(wsUrl, () => undefined);
  const isShell = chrome.version.product.startsWith('HeadlessChrome/');
  const host = await VirtualHost.start(chrome.connection, { isShell, exclusive: false });
  return { host, close: () => chrome.close(2_000) };
}

/** What such virtual browsers are made with. */
export const hostedOptions = (id: string): VirtualBrowserOptions => ({
  id,
  tenant: everybody,
  limits: {
    pending: 100,
    targets: 100,
    contexts: 100,
    sessions: 100,
    autoAttach: 10,
    batch: { commands: 100, bytes: 1024 * 1024, timeout: 10_000 },
  },
  lifetime: 0,
  initialPage: true,
  about: { version: '0', browserId: 'b1', product: '', mode: 'shared', pool: '', labels: {} },
  onEnd: () => undefined,
  onIdle: () => undefined,
});

/** A client of a virtual browser of its own, in this process. */
export class HostedClient implements ClientLink {
  readonly virtual: VirtualBrowser;
  readonly showsReason = false;
  readonly received: Message[] = [];
  closed: { code: number; reason: string } | undefined;
  #client: VirtualClient | undefined;
  #lastId = 0;

  private constructor(virtual: VirtualBrowser) {
    this.virtual = virtual;
  }

  static async open(host: VirtualHost, id: string): Promise<HostedClient> {
    const virtual = await host.open(hostedOptions(id));
    const client = new HostedClient(virtual);
    const prepared = await virtual.prepare();
    client.#client = virtual.attach(
      prepared,
      client,
      ClientTrace.open({ virtualBrowserId: id, path: '/', labels: {} }),
    );
    return client;
  }

  async ask<T = Record<string, never>>(method: string, params?: object, sessionId?: string): Promise<T> {
    const id = ++this.#lastId;
    this.#client?.onMessage(Buffer.from(JSON.stringify({ id, method, params, sessionId })), false);
    const isReply = (message: Message): boolean => message.id === id;
    await eventually(() => this.received.some(isReply), { within: 15_000, what: `the answer to ${method}` });
    const { result, error } = this.received.find(isReply) ?? {};
    if (error) throw new Error(`${method}: ${error.message}`);
    return result as T;
  }

  /** Names of the events about a target that it heard. */
  heardOf(targetId: string): string[] {
    const heard = this.received.filter(({ params }) => JSON.stringify(params ?? {}).includes(targetId));
    return heard.flatMap(({ method }) => method ?? []);
  }

  /** Its socket goes. */
  leave(): void {
    this.#client?.onClose();
  }

  send(message: Buffer): void {
    this.received.push(JSON.parse(message.toString()) as Message);
  }

  close(code: number, reason: string): void {
    this.closed = { code, reason };
  }

  pause(): void {}
  resume(): void {}
  terminate(): void {}
  observe(): void {}

  charge(): number {
    return 0;
  }

  countShared(): void {}
}
