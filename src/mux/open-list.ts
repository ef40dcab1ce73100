import type { VirtualBrowser } from '../virtual/virtual-browser.js';
import type { Made } from './fit.js';
import type { Keeping } from './keeping.js';
import type { MemoryReport, VirtualBrowserReport } from './reports.js';
import type { ChromeVersion } from './types.js';
import type { ServedBrowser } from './served-browser.js';

/** A virtual browser that is open, with where it is and how it came there. */
export interface OpenRecord {
  readonly virtual: VirtualBrowser;
  readonly served: ServedBrowser;
  readonly pool: string;
  readonly mode: 'shared' | 'exclusive';
  readonly made: Made;
  readonly name: string | undefined;
  readonly labels: Readonly<Record<string, string>>;
  /** On performance.now()'s clock. */
  readonly since: number;
  readonly keeping: Keeping;
}

/** What its clients are told of their Chrome. */
export function versionOf({ virtual: { looks }, served: { version } }: OpenRecord): ChromeVersion {
  return looks?.userAgent === undefined ? version : { ...version, userAgent: looks.userAgent };
}

/** All virtual browsers that are open, by their ids. */
export class OpenList {
  /** Told in which browser one has opened; set, as the next one, by who watches memory. */
  onAdd: (served: ServedBrowser) => void = () => undefined;
  /** For reports. */
  memoryOf: MemoryOf = () => undefined;
  /** Processor time of its renderers, s; for reports, set by who watches that. */
  processorOf: (served: ServedBrowser, id: string) => number | undefined = () => undefined;
  /** Added when one has opened, taken off when it has ended. */
  readonly #records = new Map<string, OpenRecord>();

  add(record: OpenRecord): void {
    if (record.virtual.ended) return;
    this.#records.set(record.virtual.id, record);
    this.onAdd(record.served);
  }

  remove(id: string): void {
    this.#records.delete(id);
  }

  get(id: string): OpenRecord | undefined {
    return this.#records.get(id);
  }

  /** Whether it outlives its clients, by its name or by keepAlive; one that is not listed yet is being opened. */
  isKept(id: string): boolean {
    const record = this.#records.get(id);
    return record === undefined || record.keeping.outlives;
  }

  /** Those of one tenant, or all. */
  of(tenant?: string): OpenRecord[] {
    const all = [...this.#records.values()];
    return tenant === undefined ? all : all.filter(({ virtual }) => virtual.tenant.name === tenant);
  }

  /** A tenant's of a name. */
  named(tenant: string, name: string): OpenRecord | undefined {
    return this.of(tenant).find((record) => record.name === name);
  }

  reports(tenant?: string): VirtualBrowserReport[] {
    return this.of(tenant).map((record) => reportOf(record, this));
  }
}

type MemoryOf = (served: ServedBrowser, virtual: VirtualBrowser) => MemoryReport | undefined;

function reportOf(
  record: OpenRecord,
  { memoryOf, processorOf }: Pick<OpenList, 'memoryOf' | 'processorOf'>,
): VirtualBrowserReport {
  const { virtual, served, pool, mode, name, labels, since, keeping } = record;
  const keptUntil = virtual.used ? undefined : keeping.until;
  const memory = memoryOf(served, virtual);
  const processorSeconds = processorOf(served, virtual.id);
  return {
    id: virtual.id,
    ...(name !== undefined && { name }),
    tenant: virtual.tenant.name,
    browser: served.id,
    connection: served.connectionOf(virtual),
    pool,
    mode,
    clients: virtual.clients.size,
    contexts: virtual.host.contextsOf(virtual).length,
    targets: virtual.targets().length,
    sessions: virtual.quota.count('sessions'),
    crashes: virtual.crashes,
    labels,
    ageMs: Math.round(performance.now() - since),
    ...(keptUntil !== undefined && { keptUntil: new Date(keptUntil).toISOString() }),
    ...(processorSeconds !== undefined && { processorSeconds }),
    ...(memory && { memory }),
  };
}
