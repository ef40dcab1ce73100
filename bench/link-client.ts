import { once } from 'node:events';
import { WebSocket } from 'ws';

/** One WebSocket to a Chrome, on which several pages are worked with. */
export class LinkClient {
  readonly #socket: WebSocket;
  readonly #awaited = new Map<number, (message: Buffer) => void>();
  readonly #pages: string[] = [];
  #lastId = 0;

  private constructor(socket: WebSocket) {
    this.#socket = socket;
    socket.on('message', (message: Buffer) => {
      // Chrome writes it first; parsing a megabyte would be measured too.
      const id = Number(/^\{"id":(\d+),/.exec(message.toString('latin1', 0, 30))?.[1]);
      const done = this.#awaited.get(id);
      this.#awaited.delete(id);
      done?.(message);
    });
  }

  static async connect(url: string): Promise<LinkClient> {
    const socket = new WebSocket(url, { perMessageDeflate: false, maxPayload: 256 * 1024 * 1024 });
    await once(socket, 'open');
    return new LinkClient(socket);
  }

  /** A page of its own; what it gives evaluates something there and resolves with the answer. */
  async newPage(): Promise<(params: string) => Promise<void>> {
    const { targetId } = await this.#request<{ targetId: string }>('Target.createTarget', {
      url: 'about:blank',
    });
    this.#pages.push(targetId);
    const attach = { targetId, flatten: true };
    const { sessionId } = await this.#request<{ sessionId: string }>('Target.attachToTarget', attach);
    return async (params) =>
      void (await this.#send('Runtime.evaluate', params, `,"sessionId":"${sessionId}"`));
  }

  async close(): Promise<void> {
    for (const targetId of this.#pages) await this.#request('Target.closeTarget', { targetId });
    this.#socket.terminate();
  }

  async #request<T>(method: string, params: object): Promise<T> {
    const reply = await this.#send(method, JSON.stringify(params), '');
    return (JSON.parse(reply.toString()) as { result: T }).result;
  }

  #send(method: string, params: string, session: string): Promise<Buffer> {
    return new Promise((resolve, reject) => {
      if (this.#socket.readyState !== WebSocket.OPEN) return reject(new Error('the connection was closed'));
      const id = ++this.#lastId;
      this.#awaited.set(id, resolve);
      this.#socket.send(`{"id":${id},"method":"${method}","params":${params}${session}}`);
    });
  }
}
