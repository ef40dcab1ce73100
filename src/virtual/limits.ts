import { CdpCode, type CdpError } from '../cdp/errors.js';

/** What a virtual browser and each of its clients may have; the names are those of the settings under `limits`. */
export interface VirtualLimits {
  /** Commands of one client that wait for Chrome's answer. */
  readonly pending: number;
  /** Pages of a virtual browser. */
  readonly targets: number;
  /** BrowserContexts of a virtual browser, beside its default one. */
  readonly contexts: number;
  /** CDP sessions of a virtual browser. */
  readonly sessions: number;
  /** Browser-level sessions of a virtual browser that auto-attach: each costs every new page in the Chrome a little. */
  readonly autoAttach: number;
  readonly batch: BatchLimits;
}

/** What the batches of one client may have (`Mux.batch`). */
export interface BatchLimits {
  /** Commands in one batch. */
  readonly commands: number;
  /** Bytes of all its batches that run: what was sent, what references stand for, and what is to be answered. */
  readonly bytes: number;
  /** Longest time of a batch, ms. */
  readonly timeout: number;
}

/** A limit that a command can meet. */
export type CommandLimit = 'pending' | 'targets' | 'contexts' | 'sessions' | 'autoAttach';

const advice: Record<CommandLimit, string> = {
  pending: 'commands of this client wait for an answer already; wait for answers',
  targets: 'pages are open in this virtual browser already; close some',
  contexts: 'contexts are in this virtual browser already; dispose of some',
  sessions: 'CDP sessions are open in this virtual browser already; detach from some',
  autoAttach: 'browser-level sessions auto-attach in this virtual browser already; use one of those',
};

/** What is told to whom a limit stops: the limit, its value, and how to raise it. */
export function limitText(name: CommandLimit, value: number): string {
  return `${value} ${advice[name]}, or raise the setting limits.${name} of cdpmux.`;
}

/** The error of a command that a limit stops. */
export function limitError(name: CommandLimit, value: number): CdpError {
  return { code: CdpCode.server, message: limitText(name, value) };
}
