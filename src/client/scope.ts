import type { Protocol } from 'devtools-protocol';
import type { ProtocolMapping } from 'devtools-protocol/types/protocol-mapping.js';
import { placeOf, standFor, type Ref, type Standing, type WithRefs } from './reference.js';

type Commands = ProtocolMapping.Commands;
type Events = ProtocolMapping.Events;
/** The parameters of a command, any part of which may be an earlier command's result. */
type Parameters<M extends keyof Commands> = Commands[M]['paramsType'] extends infer P extends unknown[]
  ? { [Index in keyof P]: WithRefs<P[Index]> }
  : never;

/** An event that was waited for. */
export interface WaitedEvent<E extends keyof Events> {
  readonly method: E;
  readonly params: Events[E] extends [infer Params] ? Params : undefined;
  readonly sessionId?: string;
}

/** How an event is waited for. */
export interface WaitOptions {
  /** What its parameters must have at least, at whatever depth. */
  readonly match?: object;
  /** The result of an earlier command of the batch: only events count that came after that was sent. */
  readonly after?: Standing<unknown>;
  /** ms; by default as long as the batch has. */
  readonly timeout?: number;
}

/** The id of a session, or what stands for one; an empty text is the root. */
export type SessionId = string | Standing<string>;

/** What the scopes of one batch fill. */
export interface Plan {
  readonly commands: object[];
  /** What a result must not be, though the command itself did not fail; each gives what is wrong. */
  readonly checks: { readonly index: number; readonly wrong: (result: never) => string | undefined }[];
}

/** Where commands of a batch are sent: one session. What it gives stands for results that are not there yet. */
export class Scope {
  readonly #plan: Plan;
  readonly #sessionId: SessionId | undefined;

  constructor(plan: Plan, sessionId: SessionId | undefined) {
    this.#plan = plan;
    this.#sessionId = sessionId;
  }

  /** Adds a command; gives what stands for its result. */
  send<M extends keyof Commands>(method: M, ...params: Parameters<M>): Ref<Commands[M]['returnType']> {
    return this.#add({ method, params: params[0], sessionId: this.#sessionId });
  }

  /** Adds a step that waits for an event, which may have come before its turn; gives what stands for the event. */
  waitFor<E extends keyof Events>(
    event: E,
    { match, after, timeout }: WaitOptions = {},
  ): Ref<WaitedEvent<E>> {
    const waitFor = { event, sessionId: this.#sessionId, match, after: placeOf(after)?.index };
    return this.#add({ waitFor, timeout });
  }

  /** The same batch in another session. */
  in(sessionId: SessionId): Scope {
    return new Scope(this.#plan, sessionId);
  }

  /** The same batch and session, with what is done with pages. */
  get page(): PageScope {
    return new PageScope(this.#plan, this.#sessionId);
  }

  /** Opens a blank page, by default in the default context, and attaches to it. */
  newPage(options: Omit<WithRefs<Protocol.Target.CreateTargetRequest>, 'url'> = {}): NewPage {
    const { targetId } = this.send('Target.createTarget', { ...options, url: 'about:blank' });
    const { sessionId } = this.send('Target.attachToTarget', { targetId, flatten: true });
    return new NewPage(this.#plan, { targetId, sessionId });
  }

  /** Has the batch fail where a result is not what it should be. */
  protected check<T>(of: Standing<T>, wrong: (result: T) => string | undefined): void {
    this.#plan.checks.push({ index: placeOf(of)!.index, wrong });
  }

  #add<T>(command: object): Ref<T> {
    return standFor<T>(this.#plan.commands.push(command) - 1);
  }
}

/** A session on a page. */
export class PageScope extends Scope {
  /** Navigates and waits for the load event; the batch fails where the page can't be reached. */
  goto(
    url: WithRefs<string>,
    { timeout }: { readonly timeout?: number } = {},
  ): Ref<Protocol.Page.NavigateResponse> {
    this.send('Page.enable');
    const navigated = this.send('Page.navigate', { url });
    this.check<Protocol.Page.NavigateResponse>(navigated, ({ errorText }) => errorText);
    this.waitFor('Page.loadEventFired', { after: navigated, ...(timeout !== undefined && { timeout }) });
    return navigated;
  }

  /** The value of an expression, or of what it promises; the batch fails where it throws. */
  evaluate<T>(expression: WithRefs<string>): Ref<T> {
    return this.#value(
      this.send('Runtime.evaluate', { expression, returnByValue: true, awaitPromise: true }),
    );
  }

  /** What a function of the page's gives for these arguments, which may be earlier results; it sees nothing of the caller's. */
  call<A extends unknown[], T>(
    code: (...args: A) => T,
    ...args: { [Index in keyof A]: WithRefs<A[Index]> }
  ): Ref<Awaited<T>> {
    const { result } = this.send('Runtime.evaluate', { expression: 'globalThis' });
    return this.#value(
      this.send('Runtime.callFunctionOn', {
        functionDeclaration: String(code),
        objectId: result.objectId,
        arguments: args.map((value) => ({ value })),
        returnByValue: true,
        awaitPromise: true,
      }),
    );
  }

  title(): Ref<string> {
    return this.evaluate('document.title');
  }

  content(): Ref<string> {
    return this.evaluate('document.documentElement.outerHTML');
  }

  /** A picture, in base64. */
  screenshot(options: WithRefs<Protocol.Page.CaptureScreenshotRequest> = {}): Ref<string> {
    return this.send('Page.captureScreenshot', options).data;
  }

  /** A PDF, in base64. */
  pdf(options: WithRefs<Protocol.Page.PrintToPDFRequest> = {}): Ref<string> {
    return this.send('Page.printToPDF', options).data;
  }

  #value<T>(evaluated: Ref<Protocol.Runtime.EvaluateResponse>): Ref<T> {
    this.check<Protocol.Runtime.EvaluateResponse>(evaluated, ({ exceptionDetails }) => {
      return exceptionDetails && (exceptionDetails.exception?.description ?? exceptionDetails.text);
    });
    return evaluated.result.value as unknown as Ref<T>;
  }
}

/** A page that the batch opens. */
export class NewPage extends PageScope {
  readonly targetId: Ref<string>;
  readonly sessionId: Ref<string>;
  readonly #plan: Plan;

  constructor(plan: Plan, { targetId, sessionId }: { targetId: Ref<string>; sessionId: Ref<string> }) {
    super(plan, sessionId);
    this.#plan = plan;
    this.targetId = targetId;
    this.sessionId = sessionId;
  }

  close(): void {
    new Scope(this.#plan, undefined).send('Target.closeTarget', { targetId: this.targetId });
  }
}
