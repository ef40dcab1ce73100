import type { Protocol } from 'devtools-protocol';
import { browserLost, type CdpError } from '../cdp/errors.js';
import { CdpmuxError } from '../errors.js';
import type { Connection } from './connection.js';

/** While bytes leave an answer may be late for so many times the timeout; Chrome goes on reading for a while when it hangs. */
const LONGEST_UPLOAD = 3;
/** While bytes come it is alive, since all of them pass its main thread, and its answer is behind them. */
const LONGEST_QUEUE = 24;

/**
 * A round trip of a cheap command, in ms; long where much was asked before. Rejects with TIMEOUT when for `timeout` ms neither an
 * answer nor anything else came or went, and with BROWSER_LOST when the connection ended meanwhile.
 */
export function roundTrip(connection: Connection, timeout: number): Promise<number> {
  const started = performance.now();
  let ponged = false;
  if (connection.hasPing) connection.ping(() => (ponged = true));
  return withDeadline(connection, timeout, {
    ask: (settle) =>
      connection.call('Browser.getVersion', undefined, '', (error) =>
        settle(error === browserLost ? error : undefined, performance.now() - started),
      ),
    silence: () => {
      const answers = ponged ? ', though it answers WebSocket pings' : ', nor a WebSocket ping';
      return `Browser.getVersion${connection.hasPing ? answers : ''}`;
    },
    longest: LONGEST_QUEUE,
  });
}

/**
 * Makes a blank page in a context of its own and disposes of both: a Chrome can answer and still not be able to. Gives the ms it
 * took; rejects with TIMEOUT, BROWSER_LOST, or PROTOCOL with what Chrome says.
 */
export async function makePage(connection: Connection, timeout: number): Promise<number> {
  const started = performance.now();
  const ask = <T>(what: string, send: (settle: Settle<T>) => void): Promise<T> =>
    withDeadline(connection, timeout, { ask: send, silence: () => what });
  // The context goes with the session that made it, and the page with the context.
  const detach = (session: string): void =>
    connection.call('Target.detachFromTarget', { sessionId: session }, '');
  const { sessionId } = await ask<Protocol.Target.AttachToBrowserTargetResponse>(
    'Target.attachToBrowserTarget',
    (settle) =>
      connection.call('Target.attachToBrowserTarget', undefined, '', (error, attached) => {
        // Too late: nobody would end it.
        if (!settle(error, attached) && attached) detach(attached.sessionId);
      }),
  );
  try {
    const { browserContextId } = await ask<Protocol.Target.CreateBrowserContextResponse>(
      'Target.createBrowserContext',
      (settle) =>
        connection.call('Target.createBrowserContext', { disposeOnDetach: true }, sessionId, settle),
    );
    const blank = { url: 'about:blank', browserContextId };
    const { targetId } = await ask<Protocol.Target.CreateTargetResponse>('Target.createTarget', (settle) =>
      connection.call('Target.createTarget', blank, sessionId, settle),
    );
    const attach = { targetId, flatten: true };
    const page = await ask<Protocol.Target.AttachToTargetResponse>('Target.attachToTarget', (settle) =>
      connection.call('Target.attachToTarget', attach, sessionId, settle),
    );
    // Chrome says that there is a page before it has a process.
    await ask('Runtime.evaluate in a blank page', (settle) =>
      connection.call('Runtime.evaluate', { expression: '1' }, page.sessionId, settle),
    );
    return performance.now() - started;
  } finally {
    detach(sessionId);
  }
}

/** Takes an answer; false when nobody waits for it any more. */
type Settle<T> = (error: CdpError | undefined, result: T | undefined) => boolean;

interface Question<T> {
  ask(settle: Settle<T>): void;
  /** What was not answered. */
  silence(): string;
  /** While bytes come it waits for so many times the timeout. */
  readonly longest?: number;
}

/** Silence is what counts: a Chrome that sends or takes something is alive, and its answer is behind that. */
function withDeadline<T>(connection: Connection, timeout: number, question: Question<T>): Promise<T> {
  const { longest = LONGEST_UPLOAD } = question;
  return new Promise((resolve, reject) => {
    let timer: NodeJS.Timeout | undefined;
    let isOver = false;
    const end = (): void => {
      isOver = true;
      clearTimeout(timer);
    };
    const wait = (nth: number): void => {
      const { received, backlog } = connection;
      const judge = (): void => {
        if (isOver) return;
        const came = connection.received !== received && nth < longest;
        const went = connection.backlog < backlog && nth < LONGEST_UPLOAD;
        if (came || went) {
          wait(nth + 1);
          return;
        }
        end();
        reject(new CdpmuxError('TIMEOUT', `no answer to ${question.silence()} within ${timeout} ms`));
      };
      // This process may have been late itself: what has come by then is read first.
      timer = setTimeout(() => setImmediate(() => setImmediate(judge)), timeout);
    };
    wait(1);
    question.ask((error, result) => {
      if (isOver) return false;
      end();
      if (error === browserLost) reject(new CdpmuxError('BROWSER_LOST', error.message));
      else if (error) reject(new CdpmuxError('PROTOCOL', error.message));
      else resolve(result as T);
      return true;
    });
  });
}
