import pino from 'pino';
import type { Logger } from 'pino';
import type { Config } from './config.js';

/** JSON lines on stderr, so that stdout stays for people and pipes. */
export function createLogger(level: Config['log']['level'], isTerminal: boolean): Logger {
  // synchronous: the line that says why the process ends must be out before it ends
  return pino(
    { level: levelOf(level, isTerminal), base: { name: 'cdpmux' } },
    pino.destination({ dest: 2, sync: true }),
  );
}

/** A level that the logger knows. */
export function levelOf(level: Config['log']['level'], isTerminal: boolean): Exclude<typeof level, 'auto'> {
  return level === 'auto' ? (isTerminal ? 'warn' : 'info') : level;
}

export type { Logger } from 'pino';
