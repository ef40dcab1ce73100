import { RawClient } from '../raw-client.js';
import { pageOf } from '../evict/neighbours.js';

/** A client with one page, in which it holds what it is told to. */
export class HoldingClient {
  readonly #client: RawClient;
  readonly #sessionId: string;
  closed: { readonly code: number; readonly reason: string; readonly at: number } | undefined;

  private constructor(client: RawClient, sessionId: string) {
    this.#client = client;
    this.#sessionId = sessionId;
    client.onClosed = (code, reason) => (this.closed = { code, reason, at: performance.now() });
  }

  static async open(wsUrl: string): Promise<HoldingClient> {
    const client = await RawClient.connect(wsUrl);
    return new HoldingClient(client, await pageOf(client));
  }

  /** Adds so many MB of arrays that the page keeps; gives how many there are. */
  async hold(mb: number): Promise<number> {
    const arrays = `Array.from({length:${mb}},()=>new Array(131072).fill(Math.random()))`;
    return (await this.evaluate(`globalThis.k=[...(globalThis.k??[]),...${arrays}];k.length`)) as number;
  }

  /** Lets all of it go. */
  async release(): Promise<void> {
    await this.evaluate('globalThis.k=[]');
    await this.#client.request('HeapProfiler.collectGarbage', {}, this.#sessionId);
  }

  async evaluate(expression: string): Promise<unknown> {
    const params = { expression, returnByValue: true };
    const { result } = await this.#client.request<{ result: { value?: unknown } }>(
      'Runtime.evaluate',
      params,
      this.#sessionId,
    );
    return result.value;
  }

  reload(): Promise<unknown> {
    return this.#client.request('Page.reload', {}, this.#sessionId);
  }

  close(): void {
    this.#client.close();
  }
}
