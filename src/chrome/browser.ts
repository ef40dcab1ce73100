import type { Protocol } from 'devtools-protocol';
import { CdpmuxError } from '../errors.js';
import { Connection } from './connection.js';
import { PipeTransport } from './pipe-transport.js';
import { ChromeProcess, type LaunchOptions } from './process.js';
import type { Transport } from './transport.js';
import { WebSocketTransport } from './websocket-transport.js';
import { adaptiveBatching, type Batching } from './write-batch.js';

/** Longest time from start to the first answer, ms: a cold disk and a busy machine included. */
const ANSWER_DEADLINE = 30_000;

/** Where one comes from, and how it is written to. */
interface Origin {
  readonly process?: ChromeProcess;
  readonly url?: string;
  readonly batching: Batching;
}

/** One real Chrome, launched or remote, with the connection by which it was reached first. */
export class ChromeBrowser {
  readonly connection: Connection;
  readonly version: Protocol.Browser.GetVersionResponse;
  /** The `ws(s)://` URL of a remote one, which names that very Chrome; undefined for a launched one. */
  readonly url: string | undefined;
  readonly #process: ChromeProcess | undefined;
  readonly #batching: Batching;

  private constructor(
    connection: Connection,
    version: Protocol.Browser.GetVersionResponse,
    { process, url, batching }: Origin,
  ) {
    this.connection = connection;
    this.version = version;
    this.#process = process;
    this.url = url;
    this.#batching = batching;
  }

  /** Starts a Chrome and waits for its first answer; `onLost` comes once, when the connection ends for any reason. */
  static async launch(
    options: LaunchOptions,
    onLost: (reason: string) => void,
    batching: Batching = adaptiveBatching(),
  ): Promise<ChromeBrowser> {
    const process = await ChromeProcess.launch(options);
    try {
      const transport = new PipeTransport(process.input, process.output, batching);
      return await ChromeBrowser.#open(transport, { process, batching }, onLost);
    } catch (cause) {
      await process.destroy();
      const said = process.stderrTail().trim();
      const message = `${options.executable.path} did not answer: ${(cause as Error).message}${said && `\n${said}`}`;
      throw new CdpmuxError('LAUNCH_FAILED', message, { cause });
    }
  }

  /** Connects to a Chrome that runs elsewhere: `ws(s)://…` directly, `http(s)://…` by its `/json/version`. */
  static async connect(
    endpoint: string,
    onLost: (reason: string) => void,
    batching: Batching = adaptiveBatching(),
  ): Promise<ChromeBrowser> {
    const url = endpoint.startsWith('http') ? await discover(endpoint) : endpoint;
    const transport = await WebSocketTransport.connect(url, ANSWER_DEADLINE, batching);
    return ChromeBrowser.#open(transport, { url, batching }, onLost);
  }

  /** Opens one more connection to a remote Chrome; rejects with LAUNCH_FAILED when it is not there any more. */
  async connectAgain(onLost: (reason: string) => void): Promise<Connection> {
    if (this.url === undefined)
      throw new CdpmuxError('LAUNCH_FAILED', 'A launched Chrome has its pipe only.');
    const transport = await WebSocketTransport.connect(this.url, ANSWER_DEADLINE, this.#batching);
    return new Connection(transport, { onRootEvent: () => undefined, onClose: onLost });
  }

  static async #open(
    transport: Transport,
    origin: Origin,
    onLost: (reason: string) => void,
  ): Promise<ChromeBrowser> {
    const connection = new Connection(transport, { onRootEvent: () => undefined, onClose: onLost });
    const late = setTimeout(() => connection.close(), ANSWER_DEADLINE);
    try {
      return new ChromeBrowser(
        connection,
        await connection.request('Browser.getVersion', undefined, ''),
        origin,
      );
    } catch (error) {
      connection.close();
      throw error;
    } finally {
      clearTimeout(late);
    }
  }

  get pid(): number | undefined {
    return this.#process?.pid;
  }

  /** How often a launched one said that its GPU process died. */
  get gpuDeaths(): number {
    return this.#process?.gpuDeaths ?? 0;
  }

  /** Closes the first connection, and with it a launched Chrome, whose processes and profile are gone afterwards. */
  async close(deadline: number): Promise<void> {
    this.connection.close();
    await this.#process?.close(deadline);
  }
}

async function discover(endpoint: string): Promise<string> {
  const url = new URL('/json/version', endpoint);
  try {
    const response = await fetch(url, { signal: AbortSignal.timeout(ANSWER_DEADLINE) });
    const { webSocketDebuggerUrl } = (await response.json()) as { webSocketDebuggerUrl?: string };
    if (webSocketDebuggerUrl === undefined) throw new Error('its answer has no webSocketDebuggerUrl');
    return webSocketDebuggerUrl;
  } catch (cause) {
    const why = (cause as Error).message;
    throw new CdpmuxError('LAUNCH_FAILED', `No Chrome found at ${url.href}: ${why}. Is it running?`, {
      cause,
    });
  }
}
