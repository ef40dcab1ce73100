import type { IncomingMessage } from 'node:http';
import type { CdpmuxError } from '../../src/index.js';
import type { Log } from './log.js';

/** So many lines in each span; the others are only counted, in a line at its end: whoever knocks without end must not fill the log. */
const MOST = 10;
/** ms */
const SPAN = 1_000;
/** Of what a client says of itself, characters. */
const LONGEST = 200;

/**
 * Tells the log who was not let in. Codes and not messages, which may quote what was sent, such as the password of a proxy or a token at
 * the wrong place; the client has the message.
 */
export class RefusedLog {
  readonly #log: Log;
  /** In the span that runs. */
  #refused = 0;

  constructor(log: Log) {
    this.#log = log;
  }

  add({ code, details }: CdpmuxError, { socket, headers }: IncomingMessage): void {
    this.#refused++;
    if (this.#refused === 1) setTimeout(() => this.#spanOver(), SPAN).unref();
    if (this.#refused > MOST) return;
    this.#log('info', 'client refused', {
      code,
      limit: details?.['limit'],
      address: socket.remoteAddress,
      userAgent: headers['user-agent']?.slice(0, LONGEST),
    });
  }

  #spanOver(): void {
    const more = this.#refused - MOST;
    this.#refused = 0;
    if (more > 0) this.#log('info', `${more} more clients refused within ${SPAN} ms`);
  }
}
