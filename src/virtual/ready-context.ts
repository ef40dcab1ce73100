import { sessionNotFound } from '../cdp/errors.js';
import type { Upstream } from '../cdp/upstream.js';
import { CdpmuxError } from '../errors.js';
import type { ProxyWish, ReadyGate } from './egress.js';
import { privateContext } from './private-context.js';
import { attachRoot, detachRoot } from './root-session.js';
import type { Maker, UnseenTarget } from './unseen.js';
import type { VirtualHost } from './virtual-host.js';

/** Longest time that making one may take, ms: on a Chrome that is busy with its clients. */
const MAKING_DEADLINE = 30_000;

/** A page that is ready. */
export interface ReadyPage {
  readonly targetId: string;
  /** In the order in which Chrome told of them: its tab, then the page itself. */
  readonly targets: readonly UnseenTarget[];
  /** False: all shared roots hold it, so that whoever it is given to meets it as a new one. */
  runs: boolean;
}

/** How what is kept ready will go out. */
export interface ReadyWay extends ProxyWish {
  /** Its own, closed unless it is taken. */
  readonly gate?: ReadyGate | undefined;
}

/** What a virtual browser is made of, when it is taken. */
export interface Taken {
  /** Holds the context. */
  readonly rootId: string;
  readonly contextId: string;
  /** The root of its first client. */
  readonly firstRoot: string;
  /** The page that it starts with. */
  readonly page: ReadyPage;
  /** Sessions in which pages are being warmed, and which may be left without an answer; with their targets. */
  readonly warming: ReadonlyMap<string, string>;
  /** What else Chrome made by itself in the context. */
  readonly others: readonly UnseenTarget[];
  /** The gate that its context goes out by. */
  readonly gate: ReadyGate | undefined;
}

/** `making`: not good for anything yet; `open`: may be taken; `complete`: with its spare page, if it has one. */
type State = 'making' | 'open' | 'complete' | 'taken' | 'lost';

/**
 * What a virtual browser in a shared Chrome needs, made before anybody asks for it: the session that holds its context,
 * the context, its initial page, a spare blank page, and the root of a first client. It is nobody's until it is taken.
 */
export class ReadyContext implements Maker {
  /** By `performance.now`. */
  readonly madeAt = performance.now();
  /** Resolves when no more is made, with whether all is there and not taken; never rejects. */
  readonly complete: Promise<boolean>;
  readonly #host: VirtualHost;
  readonly #upstream: Upstream;
  readonly #onLost: (ready: ReadyContext) => void;
  readonly #way: ReadyWay;
  readonly #firstRoot: Promise<string>;
  /** Resolves when it can be taken. */
  readonly #opened: Promise<void>;
  #state: State = 'making';
  #rootId = '';
  #contextId = '';
  #page: ReadyPage | undefined;
  #spare: ReadyPage | undefined;
  /** Whether a spare may still come; whoever has taken it is told. */
  #spareComes = true;
  #onSpare: ((page: ReadyPage) => void) | undefined;
  /** What belongs to the page that is being made. */
  #inMaking: UnseenTarget[] | undefined;
  readonly #others: UnseenTarget[] = [];
  /** Sessions on pages that wait for an answer there, with the target of each; Chrome says nothing of those that end with a page. */
  readonly #warming = new Map<string, string>();

  /** Begins to make one, with a spare page where one may be asked for; `onLost` is called once where it can't be used any more and was not taken. */
  constructor(
    host: VirtualHost,
    { way, withSpare }: { readonly way: ReadyWay; readonly withSpare: boolean },
    onLost: (ready: ReadyContext) => void,
  ) {
    this.#host = host;
    this.#way = way;
    this.#upstream = host.upstream;
    this.#onLost = onLost;
    this.#firstRoot = attachRoot(this.#upstream);
    this.#opened = this.#open();
    const late = setTimeout(() => this.discard(), MAKING_DEADLINE).unref();
    this.complete = this.#opened
      .then(() => this.#finish(withSpare))
      .catch(() => this.discard())
      .then(() => {
        clearTimeout(late);
        this.#spareComes = false;
        if (this.#is('open')) this.#state = 'complete';
        else this.#settle();
        return this.#is('complete');
      });
  }

  get isComplete(): boolean {
    return this.#is('complete');
  }

  /** Takes it as soon as that is possible, with what there is then; undefined when it was lost. */
  async take(): Promise<Taken | undefined> {
    const firstRoot = await this.#opened.then(() => this.#firstRoot).catch(() => undefined);
    const page = this.#page;
    if (!(this.#is('open') || this.#is('complete')) || firstRoot === undefined || !page) return undefined;
    this.#state = 'taken';
    return {
      rootId: this.#rootId,
      contextId: this.#contextId,
      firstRoot,
      page,
      others: this.#others,
      warming: new Map(this.#warming),
      gate: this.#way.gate,
    };
  }

  /** Hands its spare page over to who has taken it: at once, or when it is ready. */
  giveSpare(onSpare: (page: ReadyPage) => void): void {
    this.#onSpare = onSpare;
    if (!this.#spareComes) this.#settle();
  }

  /** Gives all of it back to Chrome, unless it was taken. */
  discard(): void {
    if (this.#is('taken') || this.#is('lost')) return;
    this.#state = 'lost';
    this.#way.gate?.close();
    this.#host.unseen.expectNoMore(this.#contextId);
    if (this.#rootId !== '') {
      detachRoot(this.#upstream, this.#rootId);
      // Chrome says nothing of what was asked in it.
      for (const id of [this.#rootId, ...this.#warming.keys()]) {
        this.#upstream.failSession(id, sessionNotFound);
      }
    }
    this.#firstRoot.then((rootId) => detachRoot(this.#upstream, rootId)).catch(() => undefined);
    this.#onLost(this);
  }

  hides(target: UnseenTarget): boolean {
    const { type } = target.first;
    const isPage = type === 'tab' || type === 'page';
    if (isPage && this.#inMaking?.every(({ first }) => first.type !== type)) {
      this.#inMaking.push(target);
      return true;
    }
    // What else comes into one that was taken is its owner's.
    if (this.#is('taken')) return false;
    this.#others.push(target);
    return true;
  }

  lost(target: UnseenTarget): void {
    if (this.#spare?.targets.includes(target)) this.#spare = undefined;
    this.discard();
  }

  async #open(): Promise<void> {
    const { sessionId } = await this.#upstream.request('Target.attachToBrowserTarget', undefined, '');
    if (this.#is('lost')) detachRoot(this.#upstream, sessionId);
    this.#mustGoOn();
    this.#rootId = sessionId;
    const contextId = await privateContext(this.#upstream, sessionId, {
      ...this.#way,
      egress: this.#way.gate,
    });
    this.#mustGoOn();
    this.#contextId = contextId;
    this.#host.unseen.expect(this.#contextId, this);
    this.#page = await this.#makePage();
    this.#mustGoOn();
    this.#state = 'open';
  }

  async #finish(withSpare: boolean): Promise<void> {
    await this.#untilItAnswers(this.#page);
    // Whoever has taken it would pay for a page that may not be asked for.
    if (!withSpare || !this.#is('open')) return;
    // Those who come with a page of their own find it as it is, and need not wait for Chrome to let it run.
    this.#letRun(this.#page);
    const making = this.#makePage();
    // Full Chrome shows the newest page of a window: in the same write, so that nobody finds the first one hidden.
    const { targetId = '' } = this.#page ?? {};
    if (!this.#host.isShell) this.#upstream.call('Target.activateTarget', { targetId }, this.#rootId);
    const [spare] = await Promise.all([making, this.#page && this.#warm(this.#page)]);
    this.#spare = spare;
    await this.#untilItAnswers(spare);
    await this.#warm(spare);
  }

  /** Makes one more page, which all roots hold for now. */
  async #makePage(): Promise<ReadyPage> {
    const targets: UnseenTarget[] = [];
    this.#inMaking = targets;
    const params = { url: 'about:blank', browserContextId: this.#contextId };
    const { windows } = this.#host;
    const place = windows.placeOf(params, this.#page === undefined);
    const made = await this.#upstream.request('Target.createTarget', { ...params, ...place }, this.#rootId);
    this.#inMaking = undefined;
    const { targetId } = made;
    if (this.#page === undefined) windows.learn(targetId);
    return { targets, targetId, runs: false };
  }

  #letRun(page: ReadyPage | undefined): void {
    if (!page) return;
    page.runs = true;
    for (const { first } of page.targets) for (const root of this.#host.roots) root.letRun(first.targetId);
  }

  /** Its process has started by then, and what Chrome says of it meanwhile has been heard. */
  async #untilItAnswers(page: ReadyPage | undefined): Promise<void> {
    const sessionId = page && this.#host.heldSession(page.targetId);
    if (sessionId !== undefined) await this.#upstream.request('Runtime.getIsolateId', undefined, sessionId);
  }

  /** The first `Runtime.enable` in a process is the dear one. In a session of its own: what it brings is for nobody. */
  async #warm({ targetId }: ReadyPage): Promise<void> {
    const attach = { targetId, flatten: true };
    // whoever has taken it may have closed this page, and is to have the spare one all the same
    const attached = await this.#upstream
      .request('Target.attachToTarget', attach, this.#rootId)
      .catch(() => undefined);
    if (!attached) return;
    const { sessionId } = attached;
    // who has taken it meanwhile would have to watch over this
    if (this.#is('open')) {
      this.#warming.set(sessionId, targetId);
      await this.#upstream.request('Runtime.enable', undefined, sessionId).catch(() => undefined);
      this.#warming.delete(sessionId);
    }
    this.#upstream.call('Target.detachFromTarget', { sessionId }, this.#rootId);
  }

  /** As a method: the state may have changed during an `await`. */
  #is(state: State): boolean {
    return this.#state === state;
  }

  #mustGoOn(): void {
    if (this.#is('lost')) throw new CdpmuxError('ENDED', 'What was kept ready is not needed any more.');
  }

  /** Nothing more is made in it. */
  #settle(): void {
    this.#host.unseen.expectNoMore(this.#contextId);
    if (this.#spare) this.#onSpare?.(this.#spare);
  }
}
