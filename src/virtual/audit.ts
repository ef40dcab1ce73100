import type { Protocol } from 'devtools-protocol';
import { CdpmuxError } from '../errors.js';
import type { VirtualBrowser } from './virtual-browser.js';
import type { VirtualHost } from './virtual-host.js';

/** What an audit mends, as it is counted. */
export type Mended =
  | 'context_disposed'
  | 'context_forgotten'
  | 'target_learned'
  | 'target_forgotten'
  | 'session_forgotten'
  | 'virtual_browser_ended';

/** How many differences of each kind an audit has mended; those with none are left out. */
export type AuditReport = Readonly<Partial<Record<Mended, number>>>;

/** What an audit can't know by itself. */
export interface AuditOptions {
  /** Contexts that nobody owns are disposed: only where cdpmux launched the Chrome, in a remote one they may be somebody else's. */
  readonly ownsBrowser: boolean;
  /** Whether a virtual browser without clients is there on purpose, as one with a name is. */
  readonly isKept: (virtual: VirtualBrowser) => boolean;
}

/** Longest that Chrome may take to say what it has, ms. */
const ANSWER_DEADLINE = 10_000;

/** What Chrome has at one moment. */
interface Truth {
  readonly contexts: ReadonlySet<string>;
  readonly targets: ReadonlyMap<string, Protocol.Target.TargetInfo>;
}

/**
 * Compares what is believed of a Chrome with what it has. Much differs for a moment, since what is made or ends has
 * steps: so a difference counts, and is mended, when two audits in a row have found it.
 */
export class SlotAudit {
  readonly #host: VirtualHost;
  /** What the last audit found, by kind. */
  #before = new Map<Mended, ReadonlySet<unknown>>();
  #running: Promise<AuditReport> | undefined;

  constructor(host: VirtualHost) {
    this.#host = host;
  }

  /** Rejects with PROTOCOL or TIMEOUT when Chrome does not say what it has; who asks meanwhile gets the same report. */
  run(options: AuditOptions): Promise<AuditReport> {
    this.#running ??= this.#run(options).finally(() => (this.#running = undefined));
    return this.#running;
  }

  /** Both sides are looked at as Chrome's answer comes, before anything that it says later. */
  #run(options: AuditOptions): Promise<AuditReport> {
    const { upstream, departures } = this.#host;
    departures.flush();
    return new Promise((resolve, reject) => {
      const timer = setTimeout(
        () => fail('TIMEOUT', `no answer within ${ANSWER_DEADLINE} ms`),
        ANSWER_DEADLINE,
      );
      const fail = (code: 'TIMEOUT' | 'PROTOCOL', why: string): void => {
        clearTimeout(timer);
        reject(new CdpmuxError(code, `What the browser has could not be compared: ${why}`));
      };
      upstream.call('Target.getBrowserContexts', undefined, '', (noContexts, contexts) => {
        upstream.call('Target.getTargets', { filter: [{}] }, '', (noTargets, targets) => {
          if (!contexts || !targets) {
            fail('PROTOCOL', (noContexts ?? noTargets)?.message ?? 'no answer');
            return;
          }
          clearTimeout(timer);
          const truth = {
            contexts: new Set(contexts.browserContextIds),
            targets: new Map(targets.targetInfos.map((info) => [info.targetId, info])),
          };
          resolve(this.#compare(truth, options));
        });
      });
    });
  }

  #compare(truth: Truth, { ownsBrowser, isKept }: AuditOptions): AuditReport {
    const host = this.#host;
    const round = new Round(this.#before);
    const idle = [...host.virtuals].filter((virtual) => !virtual.used && !isKept(virtual));
    round.mend('virtual_browser_ended', idle, (virtual) =>
      virtual.end({ code: 1011, reason: 'no client was left' }),
    );
    const left = host.sessions().filter(({ client }) => !client.virtual.clients.has(client));
    round.mend('session_forgotten', left, (session) => host.removeSession(session));
    const missing = host.contextIds().filter((id) => !truth.contexts.has(id));
    round.mend('context_forgotten', missing, (id) => this.#forgetContext(id));
    const lost = host.targetIds().filter((id) => !truth.targets.has(id));
    round.mend('target_forgotten', lost, (id) => host.forgetTarget(id));
    const unknown = [...truth.targets].filter(([id, info]) => host.ownerOf(info) && !host.target(id));
    const infos = new Map(unknown);
    round.mend('target_learned', infos.keys(), (id) => host.learn(infos.get(id)!));
    if (ownsBrowser) {
      const owned = new Set([...host.contextIds(), ...host.unseen.contextIds]);
      const stray = [...truth.contexts].filter((id) => !owned.has(id));
      round.mend('context_disposed', stray, (browserContextId) =>
        host.upstream.call('Target.disposeBrowserContext', { browserContextId }, ''),
      );
    }
    this.#before = round.found;
    return round.counts;
  }

  /** A virtual browser without its default context is of no use to its clients. */
  #forgetContext(contextId: string): void {
    const host = this.#host;
    const owner = host.ownerOfContext(contextId);
    if (!owner) return;
    for (const { info } of host.targetsOf(owner)) {
      if (info.browserContextId === contextId) host.forgetTarget(info.targetId);
    }
    if (owner.defaultContextId === contextId) {
      owner.end({ code: 4502, reason: 'its pages were lost: connect again' });
    } else host.removeContext(contextId);
  }
}

/** One audit: what it finds, and what of that the last one found as well. */
class Round {
  readonly found = new Map<Mended, ReadonlySet<unknown>>();
  readonly counts: Partial<Record<Mended, number>> = {};
  readonly #before: ReadonlyMap<Mended, ReadonlySet<unknown>>;

  constructor(before: ReadonlyMap<Mended, ReadonlySet<unknown>>) {
    this.#before = before;
  }

  mend<T>(kind: Mended, differing: Iterable<T>, how: (one: T) => void): void {
    const now = new Set(differing);
    const before = this.#before.get(kind);
    this.found.set(kind, now);
    for (const one of now) {
      if (before?.has(one) !== true) continue;
      how(one);
      this.counts[kind] = (this.counts[kind] ?? 0) + 1;
    }
  }
}
