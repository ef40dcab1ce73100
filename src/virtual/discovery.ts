import type { Protocol } from 'devtools-protocol';
import type { ClientSession } from './client-session.js';
import { admits, type TargetFilter } from './target-filter.js';
import { shownInfo, type TargetRecord } from './target-record.js';

/** `Target.setDiscoverTargets` of one session, served from the one discovery that all clients share. */
export class Discovery {
  readonly #session: ClientSession;
  #filter: TargetFilter;
  /** Targets the client was told of; only of those it hears changes and the end. */
  readonly #announced = new Set<string>();

  constructor(session: ClientSession, filter: TargetFilter) {
    this.#session = session;
    this.#filter = filter;
  }

  get filter(): TargetFilter {
    return this.#filter;
  }

  /** Tells of what exists and was not told yet. */
  start(filter: TargetFilter, browser: Protocol.Target.TargetInfo, records: Iterable<TargetRecord>): void {
    this.#filter = filter;
    for (const record of records) this.created(record);
    if (admits(filter, 'browser')) this.#announce(browser);
  }

  created(record: TargetRecord): void {
    if (admits(this.#filter, record.info.type)) this.#announce(shownInfo(record));
  }

  changed(record: TargetRecord): void {
    if (this.#announced.has(record.info.targetId)) {
      this.#session.emitTarget('Target.targetInfoChanged', shownInfo(record));
    }
  }

  crashed(event: Protocol.Target.TargetCrashedEvent): void {
    if (this.#announced.has(event.targetId)) this.#session.emit('Target.targetCrashed', event);
  }

  destroyed(targetId: string): void {
    if (this.#announced.delete(targetId)) this.#session.emit('Target.targetDestroyed', { targetId });
  }

  #announce(info: Protocol.Target.TargetInfo): void {
    if (this.#announced.has(info.targetId)) return;
    this.#announced.add(info.targetId);
    this.#session.emitTarget('Target.targetCreated', info);
  }
}
