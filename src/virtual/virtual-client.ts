import type { Protocol } from 'devtools-protocol';
import { CommandScanner } from '../cdp/command-scanner.js';
import { encodeError, encodeResult } from '../cdp/encode.js';
import { browserLost, sessionNotFound, type CdpError } from '../cdp/errors.js';
import type { MessageScanner } from '../cdp/message-scanner.js';
import { cutSession, patchId, resultText } from '../cdp/patch.js';
import type { PendingCommand, ReplySink } from '../cdp/upstream.js';
import type { ClientTrace } from '../telemetry/client-trace.js';
import { adopt } from './adopt.js';
import { Batches, isStep } from './batch/batches.js';
import { TappedLink, type Look } from './batch/tapped-link.js';
import { paramsOf } from './client-command.js';
import type { ClientCommand, Incoming, NamedCommand, ParsedReply, Rewrite } from './client-command.js';
import type { ClientLink } from './client-link.js';
import { ClientSession } from './client-session.js';
import { limitError } from './limits.js';
import { failWaiting } from './readable-end.js';
import type { Rules } from './rules.js';
import { readUnusual } from './unusual-frame.js';
import type { PreparedClient, VirtualBrowser } from './virtual-browser.js';

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
  #link: ClientLink;
  /** The browser-level session that is its root, or, where the root is a page, stands behind it. */
  readonly browserRootId: string;
  /** `held`: frames wait until a step is done that must come before them. */
  #state:
    | { readonly kind: 'open' }
    | { readonly kind: 'held'; readonly frames: (Buffer | (() => void))[] }
    | { readonly kind: 'closed' } = { kind: 'open' };
  /** Commands that wait for Chrome. */
  #pending = 0;
  readonly #mostPending: number;
  readonly #rules: Rules;
  #batches: Batches | undefined;
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

  /** An event of the Mux domain, for a client that has used it. */
  tellOfMux(event: string, params: object): void {
    if (this.#isToldOfMux) this.root.emit(event, params);
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
    const state = this.#state;
    if (state.kind === 'closed') return;
    try {
      this.#batches?.end(reason);
      // What was closed on request leaves commands unanswered, as a Chrome does that is closed.
      if (code !== 1000 && !this.#link.showsReason) {
        failWaiting(this, state.kind === 'held' ? state.frames : [], reason);
      }
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
    if (isStep(id)) this.batches.answered(id, { result });
    else this.send(encodeResult(id, result, session.shownId));
  }

  refuse(session: ClientSession, id: number, error: CdpError): void {
    if (isStep(id)) this.batches.answered(id, { error });
    else if (error !== browserLost || !this.#link.showsReason)
      this.send(encodeError(id, error, session.shownId));
  }

  /** Its commands that come many in one frame. */
  get batches(): Batches {
    return (this.#batches ??= new Batches(this, this.virtual.limits.batch));
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
    // `"sessionId":""` is the root's: the member must give way to the root's real id.
    if (scan.sessionId === '') this.#forwardParsed(session, scan, paramsOf(incoming), { rewrite });
    else {
      const command = this.#command(session, scan, session.id, rewrite);
      this.virtual.host.upstream.forward(frame, scan, command);
    }
  }

  /** Passes a command on with other parameters, or to another session, or by another name. */
  forwardChanged(
    session: ClientSession,
    { scan }: { readonly scan: NamedCommand },
    params: unknown,
    options: { readonly to?: string; readonly method?: string; readonly rewrite?: Rewrite } = {},
  ): void {
    this.#forwardParsed(session, scan, params, { ...options, rewrite: options.rewrite ?? keep });
  }

  #forwardParsed(
    session: ClientSession,
    { id, method }: NamedCommand,
    params: unknown,
    options: { readonly to?: string; readonly method?: string; readonly rewrite: Rewrite | undefined },
  ): void {
    const { to = session.id, method: sentAs = method } = options;
    // A step's number is no small integer: in the commands on their way it would cost all of them.
    const command = isStep(id)
      ? this.#command(session, { id: 0, method }, to, this.batches.capture(id, options.rewrite))
      : this.#command(session, { id, method }, to, options.rewrite);
    this.virtual.host.upstream.forwardRewritten(sentAs, params, command);
  }

  /** Runs a command of a batch by the rules of a frame of its own; `incoming.scan.id` is the step's number. */
  runStep(sessionId: string | undefined, incoming: Incoming): void {
    const session = this.#sessionFor(sessionId);
    if (session) this.#run(session, incoming);
    else this.batches.answered(incoming.scan.id, { error: sessionNotFound });
  }

  knows(sessionId: string | undefined): boolean {
    return this.#sessionFor(sessionId) !== undefined;
  }

  /** The way to its socket, which has what is counted for it. */
  get link(): ClientLink {
    return this.#link;
  }

  /** Whether it waits for no answer of Chrome's. */
  get isIdle(): boolean {
    return this.#pending === 0;
  }

  /** Whether all that it waits for are answers of its targets, which come in no order with those of the browser. */
  get waitsForTargetsOnly(): boolean {
    const commands = this.virtual.host.upstream.commandsOf(this) as ClientCommand[];
    return commands.length === this.#pending && commands.every(({ session }) => !session.isBrowser);
  }

  /** Runs something at once, or in its turn where frames are held back. */
  whenFree(run: () => void): void {
    if (this.#state.kind === 'held') this.#state.frames.push(() => this.whenFree(run));
    else if (this.#state.kind === 'open') run();
  }

  /** Shows `look` each message before the client gets it, until the function that it gives is called. */
  tap(look: Look): () => void {
    const link = this.#link;
    this.#link = new TappedLink(link, look);
    return () => (this.#link = link);
  }

  /** Takes a session that Chrome attached into the client's; `holder` is the session that holds it in Chrome. */
  adopt(parent: ClientSession, event: Protocol.Target.AttachedToTargetEvent, holder: string): ClientSession {
    return adopt(parent, event, holder);
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
    const held = { kind: 'held' as const, frames: [] as (Buffer | (() => void))[] };
    if (this.#state.kind === 'open') {
      this.#state = held;
      this.#link.pause();
    }
    await step;
    if (this.#state !== held) return;
    this.#state = { kind: 'open' };
    this.#link.resume();
    try {
      for (const frame of held.frames) {
        if (typeof frame === 'function') frame();
        else this.onMessage(frame, false);
      }
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
    const onText = command.rewrite?.capture?.onText;
    if (onText && !scan.isError) {
      command.trace?.end();
      onText(resultText(message, scan));
      return;
    }
    const reply = JSON.parse(message.toString()) as ParsedReply;
    this.#answer(command, command.rewrite ? command.rewrite(reply, command) : reply);
  }

  onUnanswered(pending: PendingCommand, error: CdpError): void {
    const command = pending as ClientCommand;
    this.#pending--;
    const reply = command.rewrite ? command.rewrite({ error }, command) : { error };
    // Chrome is silent as well where the session ended under a command, and clients count on it.
    const isSilent = error === sessionNotFound || (error === browserLost && this.#link.showsReason);
    if (isSilent && !command.rewrite?.capture) command.trace?.end(error);
    else this.#answer(command, reply);
  }

  #answer(command: ClientCommand, reply: ParsedReply): void {
    const { result, error } = reply;
    command.trace?.end(error);
    if (command.rewrite?.capture) {
      command.rewrite.capture.onReply(reply);
      return;
    }
    // Chrome sends this one without the session that it does not know.
    const shown = error?.code === sessionNotFound.code ? undefined : command.session.shownId;
    this.send(error ? encodeError(command.id, error, shown) : encodeResult(command.id, result, shown));
  }

  #dispatch(frame: Buffer): void {
    let text = frame;
    if (!scanner.scan(text)) {
      const outcome = readUnusual(frame, scanner);
      if ('reply' in outcome) {
        this.send(outcome.reply);
        return;
      }
      text = outcome.frame;
    }
    const session = this.#sessionFor(scanner.sessionId);
    if (!session) {
      this.send(encodeError(scanner.id, sessionNotFound));
      return;
    }
    this.#run(session, { frame: text, scan: scanner });
  }

  #run(session: ClientSession, incoming: Incoming): void {
    const { scan } = incoming;
    if (this.#pending >= this.#mostPending) {
      this.refuse(session, scan.id, limitError('pending', this.#mostPending));
      return;
    }
    if (this.virtual.front.isLate) this.virtual.front.before(incoming);
    const rule = this.#rules.of(scan.method, session.isBrowser);
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
    this.#batches?.cancel();
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
