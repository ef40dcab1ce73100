import { randomUUID } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { CdpmuxError, type Admission, type Client, type Mux, type Seat } from '../../../src/index.js';
import type { Access } from '../../auth/access.js';
import { readCommandLine, type BrowserWish } from '../../chrome-launcher/command-line.js';
import { endOf } from '../../chrome-launcher/end.js';
import { leftOutText } from '../../chrome-launcher/left-out.js';
import type { Log } from '../log.js';
import { refuseUpgrade } from '../refusal.js';
import { openFifos } from './fifos.js';
import { LaunchControl, LONGEST } from './launch-control.js';
import { LaunchPort, type Inside } from './launch-port.js';
import { PipeClient, type PipeLimits } from './pipe-client.js';

/** The bytes of the command line that follows the request. */
const LENGTH_HEADER = 'cdpmux-length';

/** What is asked for beside a request. */
export interface Wish {
  readonly path: Admission['path'];
  readonly parameters: URLSearchParams;
}

/** What launching needs of the front door. */
export interface LaunchDeskOptions {
  readonly mux: Mux;
  readonly access: Access;
  readonly limits: () => PipeLimits;
  /** Gives a place to who sent the request; rejects with a CdpmuxError. */
  readonly seat: (request: IncomingMessage, signal: AbortSignal, wish: Wish) => Promise<Seat>;
  readonly inside: Inside;
  readonly log: Log;
}

/**
 * Serves `cdpmux-chrome` where it came by its shell script alone: does all that a launch takes here, where it is loaded already. What it does not do
 * is told to go on in the program written for Node, with the word `node`.
 */
export class LaunchDesk {
  readonly #options: LaunchDeskOptions;

  constructor(options: LaunchDeskOptions) {
    this.#options = options;
  }

  /** Handles one upgrade to `cdpmux-launch`; never rejects. */
  async handle(request: IncomingMessage, stream: Duplex, head: Buffer): Promise<void> {
    const control = new LaunchControl(stream, head);
    const length = Number(request.headers[LENGTH_HEADER]);
    try {
      this.#options.access.identifyUpgrade(request);
      mustBeLength(length);
    } catch (error) {
      refuseUpgrade(stream, error);
      return;
    }
    try {
      const [commands = '', answers = '', ...args] = await control.readTexts(length);
      const wish = wishOf(args);
      if (wish === undefined) control.tell('node');
      else if (wish.speaks.kind === 'port') {
        // a port of a stranger's choice would be one that something of this machine's may be about to take
        if (wish.speaks.port === 0 || this.#isOwner(request))
          return await this.#withPort(request, control, wish, wish.speaks.port);
        control.tell('node');
      } else if (await this.#withPipes(request, control, wish, [commands, answers])) return;
      else control.tell('node');
    } catch (error) {
      this.#refuse(control, request, error);
    }
    control.close();
  }

  async #withPipes(
    request: IncomingMessage,
    control: LaunchControl,
    { parameters, leftOut }: BrowserWish,
    [commands, answers]: readonly [string, string],
  ): Promise<boolean> {
    const { limits, log } = this.#options;
    // to open a path for a stranger would be a way to somebody else's pipe
    const pipes = this.#isOwner(request) ? await openFifos(commands, answers) : undefined;
    if (!pipes) return false;
    const downstream = new PipeClient(pipes, limits(), (code, reason) => tellEnd(control, code, reason));
    try {
      const seat = await this.#seat(request, control, { path: { kind: 'browser' }, parameters });
      const client = seat.attach(downstream);
      const end = (): void => downstream.close(1000, '');
      control.onWord = end;
      control.signal.addEventListener('abort', end, { once: true });
      downstream.join(client, (error) =>
        log('error', 'a message could not be handled', { error: String(error) }),
      );
    } catch (error) {
      pipes.commands.destroy();
      pipes.answers.destroy();
      throw error;
    }
    control.tell('pipe');
    tellLeftOut(control, leftOut);
    return true;
  }

  #isOwner(request: IncomingMessage): boolean {
    return this.#options.access.identifyUpgrade(request).tenant.trust === 'local';
  }

  async #withPort(
    request: IncomingMessage,
    control: LaunchControl,
    { parameters, leftOut }: BrowserWish,
    wanted: number,
  ): Promise<void> {
    const { mux, inside } = this.#options;
    const name = `launch-${randomUUID()}`;
    const path = { kind: 'browser', name } as const;
    const seat = await this.#seat(request, control, { path, parameters }).catch((error: unknown) => {
      // a name lives on without clients
      for (const one of mux.virtualBrowsers())
        if (one.name === name) mux.endVirtualBrowser(one.id, abandoned);
      throw error;
    });
    const id = seat.virtualBrowserId;
    let isOrphan = false;
    let isOver = false;
    let port: LaunchPort | undefined;
    const held: { client?: Client } = {};
    const end = (code: number, reason: string): void => {
      if (isOver) return;
      isOver = true;
      port?.close();
      tellEnd(control, code, reason);
      held.client?.onClose();
      mux.endVirtualBrowser(id, abandoned);
    };
    const over = (): boolean => isOver;
    // holds the virtual browser, and hears of its end
    held.client = seat.attach({ ...nowhere, close: end, terminate: () => end(1000, '') });
    // it may have ended within
    if (over()) {
      held.client.onClose();
      return;
    }
    control.signal.addEventListener('abort', () => end(1000, ''), { once: true });
    control.onWord = () => {
      isOrphan = true;
      if (!port?.isUsed) end(1000, '');
    };
    try {
      const { authorization } = request.headers;
      const onUnused = (): void => {
        if (isOrphan) end(1000, '');
      };
      port = await LaunchPort.listen(wanted, { inside, name, browserId: id, authorization, onUnused });
    } catch {
      // the other program says what is wrong with the port
      control.tell('node');
      end(1000, '');
      return;
    }
    if (over()) {
      port.close();
      return;
    }
    control.tell('port', `${port.port} ${port.path} ${port.proof}`);
    tellLeftOut(control, leftOut);
  }

  async #seat(request: IncomingMessage, control: LaunchControl, wish: Wish): Promise<Seat> {
    const seat = await this.#options.seat(request, control.signal, wish);
    if (!control.signal.aborted) return seat;
    seat.release();
    throw new CdpmuxError('ABORTED', 'The launcher went away while it waited.');
  }

  #refuse(control: LaunchControl, { headers: { host } }: IncomingMessage, error: unknown): void {
    if (!(error instanceof CdpmuxError))
      this.#options.log('error', 'launch failed', { error: String(error) });
    // this one is stopping, another one may be found or started
    if (error instanceof CdpmuxError && error.code === 'CLOSING') control.tell('node');
    else {
      const why =
        error instanceof CdpmuxError ? error.message : 'a fault of cdpmux; its log has the details.';
      control.tell('say', `cdpmux-chrome: ws://${host} gives no browser: ${why}`);
      control.tell('exit', '1');
    }
  }
}

function mustBeLength(length: number): void {
  if (Number.isInteger(length) && length > 0 && length <= LONGEST) return;
  const range = `the bytes of a command line, 1 to ${LONGEST}`;
  throw new CdpmuxError('BAD_PARAMETER', `Header ${LENGTH_HEADER} takes ${range}.`, {
    details: { parameter: LENGTH_HEADER, range },
  });
}

const abandoned = { code: 1000, reason: 'its launcher has ended' };
const nowhere = { send: () => undefined, pause: () => undefined, resume: () => undefined };

function wishOf(args: readonly string[]): BrowserWish | undefined {
  try {
    const invocation = readCommandLine(args);
    return invocation.kind === 'browser' ? invocation.wish : undefined;
  } catch {
    // the program written for Node says what is wrong
    return undefined;
  }
}

function tellLeftOut(control: LaunchControl, leftOut: readonly string[]): void {
  if (leftOut.length > 0) control.tell('say', `cdpmux-chrome: ${leftOutText(leftOut)}`);
}

function tellEnd(control: LaunchControl, code: number, reason: string): void {
  const end = endOf(code, reason);
  if (end.code === 1) control.tell('say', `cdpmux-chrome: ${end.message}`);
  control.tell('exit', String(end.code));
  control.close();
}
