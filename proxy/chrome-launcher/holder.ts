import type { BrowserSocket } from './browser-socket.js';
import { LaunchError } from './launch-error.js';

/** For an answer of the virtual browser, ms. */
const ANSWER_DEADLINE = 30_000;

/** Of an answer: a list of targets is far from it, bytes. */
const LONGEST_ANSWER = 64 * 1024 * 1024;

interface Pending {
  readonly resolve: (result: object) => void;
  readonly reject: (error: Error) => void;
  readonly late: NodeJS.Timeout;
}

/** One target of the virtual browser. */
export interface TargetInfo {
  readonly targetId: string;
  readonly type: string;
  readonly title: string;
  readonly url: string;
}

/** A client of our own, which holds the virtual browser for as long as this process lives, and asks it things. */
export class Holder {
  readonly #socket: BrowserSocket;
  readonly #pending = new Map<number, Pending>();
  #lastId = 0;

  constructor(socket: BrowserSocket) {
    this.#socket = socket;
    let [parts, length]: [Buffer[], number] = [[], 0];
    socket.onText = (part, isLast) => {
      length += part.length;
      // who asked for it has a deadline
      if (length <= LONGEST_ANSWER) parts.push(part);
      if (!isLast) return;
      if (length <= LONGEST_ANSWER) this.#onMessage(Buffer.concat(parts));
      [parts, length] = [[], 0];
    };
  }

  /** The id of the virtual browser. */
  async browserId(): Promise<string> {
    const { virtualBrowserId } = (await this.#ask('Mux.getInfo')) as { virtualBrowserId: string };
    return virtualBrowserId;
  }

  /** That of its pages. */
  async userAgent(): Promise<string> {
    return ((await this.#ask('Browser.getVersion')) as { userAgent: string }).userAgent;
  }

  /** As Chrome lists: pages in place of their tabs, or tabs in place of their pages. */
  async targets(forTab: boolean): Promise<readonly TargetInfo[]> {
    const hidden = forTab ? 'page' : 'tab';
    const filter = [{ type: 'browser', exclude: true }, { type: hidden, exclude: true }, {}];
    const { targetInfos } = (await this.#ask('Target.getTargets', { filter })) as {
      targetInfos: TargetInfo[];
    };
    return targetInfos;
  }

  /** Opens a page; gives its id, or that of its tab. */
  async open(url: string, forTab: boolean): Promise<string> {
    const { targetId } = (await this.#ask('Target.createTarget', { url, ...(forTab && { forTab }) })) as {
      targetId: string;
    };
    return targetId;
  }

  /** False when there is no such target. */
  async tell(method: 'Target.activateTarget' | 'Target.closeTarget', targetId: string): Promise<boolean> {
    return this.#ask(method, { targetId }).then(
      () => true,
      (error: unknown) => {
        if (error instanceof CommandError) return false;
        throw error;
      },
    );
  }

  #ask(method: string, params: object = {}): Promise<object> {
    const id = ++this.#lastId;
    return new Promise((resolve, reject) => {
      const late = setTimeout(() => {
        this.#pending.delete(id);
        reject(new LaunchError(`${method} had no answer within ${ANSWER_DEADLINE / 1000} s.`));
      }, ANSWER_DEADLINE);
      this.#pending.set(id, { resolve, reject, late });
      this.#socket.send(Buffer.from(JSON.stringify({ id, method, params })));
    });
  }

  #onMessage(data: Buffer): void {
    const { id, result, error } = JSON.parse(data.toString()) as {
      id?: number;
      result?: object;
      error?: { message: string };
    };
    const pending = id === undefined ? undefined : this.#pending.get(id);
    if (id === undefined || !pending) return;
    this.#pending.delete(id);
    clearTimeout(pending.late);
    if (error) pending.reject(new CommandError(error.message));
    else pending.resolve(result ?? {});
  }

  /** Nothing more will be answered. */
  close(): void {
    for (const { reject, late } of this.#pending.values()) {
      clearTimeout(late);
      reject(new LaunchError('the virtual browser has ended.'));
    }
    this.#pending.clear();
  }
}

/** What the virtual browser says no to. */
class CommandError extends Error {}
