import type { Protocol } from 'devtools-protocol';

type TargetInfo = Protocol.Target.TargetInfo;

/** A target that is there, and that nobody may see yet. */
export interface UnseenTarget {
  /** As Chrome described it when it was made. */
  readonly first: TargetInfo;
  /** As Chrome last described it. */
  latest: TargetInfo;
  /** Its renderer has died: nobody wants it any more. */
  crashed: boolean;
}

/** Who makes targets ahead of need in a BrowserContext. */
export interface Maker {
  /** A new target of the context: true where it is to stay unseen. */
  hides(target: UnseenTarget): boolean;
  /** One that it hides has gone, or has crashed. */
  lost(target: UnseenTarget): void;
}

/**
 * What there is in a Chrome ahead of need. It is nobody's: no client is told of it, no answer lists it, and it counts
 * nowhere, until it is revealed.
 */
export class Unseen {
  /** By context; added when its first target is about to be made, taken off when no further one can come. */
  readonly #makers = new Map<string, Maker>();
  /** By id; taken off when it is revealed, and when it has gone. */
  readonly #targets = new Map<string, { readonly target: UnseenTarget; readonly maker: Maker }>();
  /** Those that were, by id: what Chrome says of them while others are made is no new one. Taken off when they have gone. */
  readonly #revealed = new Set<string>();

  /** Called for each page that is given to who asks for a new one. */
  onGiven = (): void => undefined;

  /** From now on targets of a context may be made ahead of need. */
  expect(contextId: string, maker: Maker): void {
    this.#makers.set(contextId, maker);
  }

  /** What comes into the context from now on is its owner's. */
  expectNoMore(contextId: string): void {
    this.#makers.delete(contextId);
  }

  /** Contexts in which targets are made ahead of need. */
  get contextIds(): string[] {
    return [...this.#makers.keys()];
  }

  has(targetId: string): boolean {
    return this.#targets.has(targetId);
  }

  /** Takes note of a target as Chrome describes it; false: it is not one of these. */
  learn(info: TargetInfo): boolean {
    const known = this.#targets.get(info.targetId);
    if (known) {
      known.target.latest = info;
      return true;
    }
    if (this.#revealed.has(info.targetId)) return false;
    const maker = info.browserContextId === undefined ? undefined : this.#makers.get(info.browserContextId);
    const target = { first: info, latest: info, crashed: false };
    if (!maker?.hides(target)) return false;
    this.#targets.set(info.targetId, { target, maker });
    return true;
  }

  /** It may be seen from now on. */
  reveal({ first }: UnseenTarget): void {
    if (this.#targets.delete(first.targetId)) this.#revealed.add(first.targetId);
  }

  /** Whether it is one of these, and could be given to somebody. */
  isGood(targetId: string): boolean {
    return this.#targets.get(targetId)?.target.crashed === false;
  }

  crashed(targetId: string): void {
    const known = this.#targets.get(targetId);
    if (!known) return;
    known.target.crashed = true;
    known.maker.lost(known.target);
  }

  destroyed(targetId: string): void {
    this.#revealed.delete(targetId);
    const known = this.#targets.get(targetId);
    this.#targets.delete(targetId);
    known?.maker.lost(known.target);
  }
}
