import type { CommandScanner } from '../cdp/command-scanner.js';
import type { CdpError } from '../cdp/errors.js';
import type { PendingCommand } from '../cdp/upstream.js';
import type { CommandTrace } from '../telemetry/client-trace.js';
import type { ClientSession } from './client-session.js';
import type { Countable } from './quota.js';

/** A reply that was parsed, to be looked at or changed. */
export type ParsedReply = { result: unknown; error?: undefined } | { error: CdpError; result?: undefined };

/** Changes a reply before the client gets it; runs before anything that Chrome said later is looked at. */
export interface Rewrite {
  (reply: ParsedReply, command: ClientCommand): ParsedReply;
  /** What the command makes one more of, which counts from when it is sent. */
  readonly reserves?: Countable;
  /** Takes the answer in the client's stead: the command is one of a batch. */
  readonly capture?: Capture;
}

/** Who takes the answer to a command of a batch. */
export interface Capture {
  onReply(reply: ParsedReply): void;
  /** Takes a result as Chrome wrote it; undefined where a rule must see the reply first. */
  readonly onText: ((result: Buffer) => void) | undefined;
}

/** A client's command that waits for Chrome. */
export interface ClientCommand extends PendingCommand {
  readonly id: number;
  readonly session: ClientSession;
  readonly rewrite: Rewrite | undefined;
  readonly startedAt: number;
  readonly trace: CommandTrace | undefined;
}

/** A command as it came: the frame, and where its members lie until the handler returns. */
export interface Incoming {
  readonly frame: Buffer;
  readonly scan: CommandScanner;
}

/** Which command is meant, for what happens after its frame has gone. */
export interface NamedCommand {
  readonly id: number;
  readonly method: string;
}

/** The parameters of a command, parsed. */
export function paramsOf({ frame, scan }: Incoming): unknown {
  if (scan.paramsStart === -1) return undefined;
  return JSON.parse(frame.toString('utf8', scan.paramsStart, scan.paramsEnd)) as unknown;
}
