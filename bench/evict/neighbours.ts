import { RawClient } from '../raw-client.js';

/** Clients that work in the same Chrome all the time; any error or end of one is told. */
export class Neighbours {
  readonly #clients: { client: RawClient; sessionId: string }[] = [];
  readonly errors: string[] = [];
  #done = 0;
  #state: 'working' | 'stopped' = 'working';
  readonly #working: Promise<void>[] = [];

  /** Connects so many, each with a page. */
  static async start(wsUrl: string, count: number): Promise<Neighbours> {
    const neighbours = new Neighbours();
    for (let nth = 0; nth < count; nth++) {
      const client = await RawClient.connect(wsUrl);
      neighbours.#clients.push({ client, sessionId: await pageOf(client) });
    }
    for (const one of neighbours.#clients) neighbours.#working.push(neighbours.#work(one));
    return neighbours;
  }

  /** Commands that were answered. */
  get done(): number {
    return this.#done;
  }

  /** Ends their work; each must answer once more. */
  async stop(): Promise<void> {
    this.#state = 'stopped';
    await Promise.all(this.#working);
    for (const { client } of this.#clients) client.close();
  }

  async #work({ client, sessionId }: { client: RawClient; sessionId: string }): Promise<void> {
    void client.ended.then((code) => {
      if (this.#state === 'working') this.errors.push(`closed with ${code}`);
    });
    try {
      do {
        const params = { expression: '6*7' };
        const { result } = await client.request<{ result: { value: number } }>(
          'Runtime.evaluate',
          params,
          sessionId,
        );
        if (result.value !== 42) this.errors.push(`wrong answer ${result.value}`);
        this.#done++;
        await new Promise((resolve) => setTimeout(resolve, 20));
      } while (this.#state === 'working');
    } catch (error) {
      this.errors.push((error as Error).message);
    }
  }
}

/** A session on a new page. */
export async function pageOf(client: RawClient): Promise<string> {
  const { targetId } = await client.request<{ targetId: string }>('Target.createTarget', {
    url: 'about:blank',
  });
  const params = { targetId, flatten: true };
  return (await client.request<{ sessionId: string }>('Target.attachToTarget', params)).sessionId;
}
