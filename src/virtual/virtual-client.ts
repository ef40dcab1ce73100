import type { Protocol } from 'devtools-protocol';
import { CommandScanner } from '../cdp/command-scanner.js';
import { encodeError, encodeResult } from '../cdp/encode.js';
import { CdpCode, sessionNotFound, type CdpError } from '../cdp/errors.js';
import type { MessageScanner } from '../cdp/message-scanner.js';
import { normalise } from '../cdp/normalise.js';
import { cutSession, patchId } from '../cdp/patch.js';
import type { PendingCommand, ReplySink } from '../cdp/upstream.js';
import type { ClientTrace, CommandTrace } from '../telemetry/client-trace.js';
import { ClientSession } from './client-session.js';
import { limitError } from './limits.js';
import type { Countable } from './quota.js';
import type { Rules } from './rules.js';
import type { PreparedClient, VirtualBrowser } from './virtual-browser.js';

/** The client's socket, as this layer sees it. */
export interface ClientLink {
  /** Sends one text message; the buffer is the socket's from now on. */
  send(message: Buffer): void;
  close(code: number, reason: string): void;
  /** Stops reading from the client until `resume`; what has been read already still comes. */
  pause(): void;
  resume(): void;
  terminate(): void;
  /** A command was answered after so many seconds. */
  observe(seconds: number): void;
}

/** A reply that was parsed, to be looked at or changed. */
export type ParsedReply = { result: unknown; error?: undefined } | { error: CdpError; result?: undefined };

/** Changes a reply before the client gets it; runs before anything that Chrome said later is looked at. */
export interface Rewrite {
  (reply: ParsedReply, command: ClientCommand): ParsedReply;
  /** What the command makes one more of, which counts from when it is sent. */
  readonly reserves?: Countable;
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

/** Reading an unusual frame closely takes 15 to 100 ns a byte, in which nobody else is served. */
const LARGEST_UNUSUAL = 8 * 1024 * 1024;

const tooLargeUnusual = Buffer.from(
  JSON.stringify({
    error: {
      code: CdpCode.invalidRequest,
      message:
        'Messages over 8 MiB must be plain JSON: no key twice, no escapes in top-level keys, no control characters',
    },
  }),
);

/** Dispatch is synchronous, so one scanner serves all clients. */
const scanner = new CommandScanner();

/** One client of a virtual browser: its sessions, and its commands on their way. */
export class VirtualClient implements ReplySink {
  readonly virtual: VirtualBrowser;
  readonly root: ClientSession;
  readonly trace: ClientTrace;
  /** Sessions with discovery on; changed by `Target.setDiscoverTargets`. */
  readonly discoverers = new Set<ClientSession>();
  /** Asked at its root; each of its pages is told. */
  ignoresCertificates = false;
  readonly #link: ClientLink;
  /** The browser-level session that is its root, or, where the root is a page, stands behind it. */
  readonly browserRootId: string;
  /** `held`: frames wait until a step is done that must come before them. */
  #state: { kind: 'open' } | { kind: 'held'; frames: Buffer[] } | { kind: 'closed' } = { kind: 'open' };
  /** Commands that wait for Chrome. */
  #pending = 0;
  readonly #mostPending: number;
  readonly #rules: Rules;
  #isToldOfMux = false;

  constructor(virtual: VirtualBrowser, prepared: PreparedClient, link: ClientLink, trace: ClientTrace) {
    this.virtual = virtual;
    this.trace = trace;
    this.#link = link;
    this.#mostPending = virtual.limits.pending;
    this.#rules = virtual.rules;
    this.browserRootId = prepared.rootId;
    const page = prepared.page;
    this.root = new ClientSession({
      id: page?.sessionId ?? prepared.rootId,
      client: this,
      type: page?.type ?? 'browser',
      targetId: page?.targetId ?? virtual.id,
      parent: undefined,
      holder: page ? prepared.rootId : '',
      hidden: true,
    });
    if (page) {
      const sink = { onEvent: this.#onBrowserRootEvent, onFault: () => this.onFault() };
      virtual.host.upstream.route(prepared.rootId, sink);
    }
    virtual.host.addSession(this.root);
  }

  /**
   * It has used the Mux domain, and is told of what happens to it from then on: who never does must not meet events
   * that no Chrome sends.
   */
  usesMux(): void {
    if (this.#isToldOfMux) return;
    this.#isToldOfMux = true;
    if (this.virtual.drainDeadline !== undefined) this.draining(this.virtual.drainDeadline);
  }

  /** cdpmux is about to stop, and closes it then at the latest, ms since 1970. */
  draining(deadline: number): void {
    if (this.#isToldOfMux) this.root.emit('Mux.draining', { deadline });
  }

  /** Nothing that it asked waits for Chrome, so that an answer of cdpmux's own overtakes none. */
  get isIdle(): boolean {
    return this.#pending === 0;
  }

  /** A frame from the client's socket. */
  onMessage(frame: Buffer, isBinary: boolean): void {
    if (this.#state.kind === 'closed') return;
    if (isBinary) {
      this.#link.terminate();
      this.onClose();
    } else if (this.#state.kind === 'held') {
      this.#state.frames.push(frame);
    } else {
      this.#dispatch(frame);
    }
  }

  /** The client's socket has gone. */
  onClose(): void {
    this.#finish('the client went');
  }

  /** Closes the client's socket; called when its virtual browser ends. */
  end(code: number, reason: string): void {
    if (this.#state.kind === 'closed') return;
    try {
      this.#link.close(code, reason);
    } finally {
      this.#finish(reason);
    }
  }

  /** An error of cdpmux's own with a message to or from it. */
  onFault(): void {
    this.end(1011, 'internal error: see the log of cdpmux');
  }

  send(message: Buffer): void {
    if (this.#state.kind !== 'closed') this.#link.send(message);
  }

  reply(session: ClientSession, id: number, result: unknown): void {
    this.send(encodeResult(id, result, session.shownId));
  }

  refuse(session: ClientSession, id: number, error: CdpError): void {
    this.send(encodeError(id, error, session.shownId));
  }

  /** What cdpmux asks of Chrome for this client counts as a command of its own, until the function it gives is called. */
  counting<A extends unknown[]>(answer: (...args: A) => void): (...args: A) => void {
    this.#pending++;
    return (...args) => {
      this.#pending--;
      answer(...args);
    };
  }

  /** Passes a command on as it is; `rewrite` sees the reply before the client. */
  forward(session: ClientSession, incoming: Incoming, rewrite?: Rewrite): void {
    const { frame, scan } = incoming;
    const { upstream } = this.virtual.host;
    const command = this.#command(session, scan, session.id, rewrite);
    // `"sessionId":""` is the root's: the member must give way to the root's real id.
    if (scan.sessionId === '') upstream.forwardRewritten(scan.method, paramsOf(incoming), command);
    else upstream.forward(frame, scan, command);
  }

  /** Passes a command on with other parameters, or to another session, or by another name. */
  forwardChanged(
    session: ClientSession,
    { scan }: { readonly scan: NamedCommand },
    params: unknown,
    options: { readonly to?: string; readonly method?: string; readonly rewrite?: Rewrite } = {},
  ): void {
    const command = this.#command(session, scan, options.to ?? session.id, options.rewrite ?? keep);
    this.virtual.host.upstream.forwardRewritten(options.method ?? scan.method, params, command);
  }

  /** Takes a session that Chrome attached into the client's. */
  adopt(parent: ClientSession, event: Protocol.Target.AttachedToTargetEvent, holder: string): ClientSession {
    const { sessionId, targetInfo } = event;
    const { host, id } = this.virtual;
    if (targetInfo.type !== 'browser') host.learn(targetInfo);
    const session = new ClientSession({
      id: sessionId,
      client: this,
      type: targetInfo.type,
      targetId: targetInfo.type === 'browser' ? id : targetInfo.targetId,
      parent,
      holder,
      hidden: false,
    });
    session.waiting = event.waitingForDebugger;
    host.addSession(session);
    if (this.ignoresCertificates && session.type === 'page') {
      session.tell('Security.setIgnoreCertificateErrors', { ignore: true });
    }
    return session;
  }

  /** Takes a session off; called when Chrome ended it or one above it. */
  forgetSession(session: ClientSession): void {
    session.parent?.children.delete(session);
    const attached = session.parent?.autoAttach?.sessions;
    if (attached?.get(session.targetId) === session) attached.delete(session.targetId);
    this.discoverers.delete(session);
    session.autoAttach?.root.unclaim(this.virtual, session);
    if (session === this.root && session.type !== 'browser') this.#onPageGone();
  }

  /** Holds the client's later frames back until `step` is done; meanwhile only what was read already comes. */
  async hold(step: Promise<void>): Promise<void> {
    const held = { kind: 'held' as const, frames: [] as Buffer[] };
    if (this.#state.kind === 'open') {
      this.#state = held;
      this.#link.pause();
    }
    await step;
    if (this.#state !== held) return;
    this.#state = { kind: 'open' };
    this.#link.resume();
    try {
      for (const frame of held.frames) this.onMessage(frame, false);
    } catch (error) {
      this.virtual.host.upstream.blame(error, this);
    }
  }

  onReply(pending: PendingCommand, message: Buffer, scan: MessageScanner): void {
    const command = pending as ClientCommand;
    this.#pending--;
    this.#link.observe((performance.now() - command.startedAt) / 1000);
    if (command.rewrite === undefined && !(scan.isError && command.trace)) {
      command.trace?.end();
      const patched = patchId(message, scan, command.id);
      // A longer id moved the rest: the scan's offsets no longer fit.
      if (patched === message || !command.session.hidden) {
        this.send(command.session.hidden ? cutSession(patched, scan) : patched);
        return;
      }
    }
    const reply = JSON.parse(message.toString()) as ParsedReply;
    this.#answer(command, command.rewrite ? command.rewrite(reply, command) : reply);
  }

  onUnanswered(pending: PendingCommand, error: CdpError): void {
    const command = pending as ClientCommand;
    this.#pending--;
    const reply = command.rewrite ? command.rewrite({ error }, command) : { error };
    // Chrome is silent as well where the session ended under a command, and clients count on it.
    if (error === sessionNotFound) command.trace?.end(error);
    else this.#answer(command, reply);
  }

  #answer(command: ClientCommand, { result, error }: ParsedReply): void {
    command.trace?.end(error);
    // Chrome sends this one without the session that it does not know.
    const shown = error?.code === sessionNotFound.code ? undefined : command.session.shownId;
    this.send(error ? encodeError(command.id, error, shown) : encodeResult(command.id, result, shown));
  }

  #dispatch(frame: Buffer): void {
    let text = frame;
    if (!scanner.scan(text)) {
      if (frame.length > LARGEST_UNUSUAL) {
        this.send(tooLargeUnusual);
        return;
      }
      const outcome = normalise(frame);
      if ('reply' in outcome) {
        this.send(outcome.reply);
        return;
      }
      text = outcome.frame;
      if (!scanner.scan(text)) throw new Error('a normalised frame was not understood');
    }
    const session = this.#sessionFor(scanner.sessionId);
    if (!session) {
      this.send(encodeError(scanner.id, sessionNotFound));
      return;
    }
    if (this.#pending >= this.#mostPending) {
      this.refuse(session, scanner.id, limitError('pending', this.#mostPending));
      return;
    }
    const incoming = { frame: text, scan: scanner };
    const rule = this.#rules.of(scanner.method, session.isBrowser);
    if (rule === undefined) this.forward(session, incoming);
    else rule(session, incoming);
  }

  #sessionFor(sessionId: string | undefined): ClientSession | undefined {
    if (sessionId === undefined || sessionId === '') return this.root;
    const session = this.virtual.host.session(sessionId);
    return session?.client === this && !session.hidden ? session : undefined;
  }

  #command(
    session: ClientSession,
    scan: NamedCommand,
    sessionId: string,
    rewrite: Rewrite | undefined,
  ): ClientCommand {
    this.#pending++;
    if (rewrite?.reserves !== undefined) this.virtual.quota.reserve(rewrite.reserves, this);
    return {
      owner: this,
      sessionId,
      id: scan.id,
      session,
      rewrite,
      startedAt: performance.now(),
      trace: this.trace.command(scan.method, session.shownId),
    };
  }

  /** The page that the whole client is about has gone; Chrome says so and closes. */
  #onPageGone(): void {
    if (this.#state.kind === 'closed') return;
    this.send(Buffer.from('{"method":"Inspector.detached","params":{"reason":"target_closed"}}'));
    this.end(1000, 'the page was closed');
  }

  #onBrowserRootEvent = (message: Buffer, scan: MessageScanner): void => {
    if (scan.method(message) !== 'Target.detachedFromTarget') return;
    const { params } = JSON.parse(message.toString()) as { params: Protocol.Target.DetachedFromTargetEvent };
    this.virtual.host.onDetached(params);
  };

  #finish(reason: string): void {
    if (this.#state.kind === 'closed') return;
    this.#state = { kind: 'closed' };
    const { host } = this.virtual;
    host.upstream.forget(this);
    host.removeSession(this.root);
    host.upstream.unroute(this.browserRootId);
    host.forgetContextsHeldBy(this.browserRootId);
    host.upstream.call('Target.detachFromTarget', { sessionId: this.browserRootId }, '');
    this.trace.end(reason);
    this.virtual.left(this);
  }
}

const keep: Rewrite = (reply) => reply;

/** The parameters of a command, parsed. */
export function paramsOf({ frame, scan }: Incoming): unknown {
  if (scan.paramsStart === -1) return undefined;
  return JSON.parse(frame.toString('utf8', scan.paramsStart, scan.paramsEnd)) as unknown;
}
