import type { ConnectionSettings } from './options.js';

/** What a connection has to do, and how old it is. */
export interface ConnectionLoad {
  readonly virtualBrowsers: number;
  readonly pendingCommands: number;
  /** That wait to be written. */
  readonly backlogBytes: number;
  /** What Chrome sent lately. */
  readonly receivedPerSecond: number;
  readonly ageMs: number;
  /** 0 while it has a virtual browser. */
  readonly idleMs: number;
}

interface Loaded {
  readonly load: ConnectionLoad;
  readonly isOpen: boolean;
}

/**
 * From here on a further connection is worth having. It makes nothing faster that is small: 20 clients who ask one thing after
 * another have 20 commands on their way, and gain nothing. What it saves is waiting behind other clients' large answers,
 * and windows that are too small for the way: 64 KiB in 20 ms are 3.2 MB a second.
 */
export const COMMANDS_MARK = 128;
/** The same for bytes that wait to be written. */
export const BYTES_MARK = 256 * 1024;
/** The same for bytes that Chrome sends in a second. */
export const RECEIVED_MARK = 2_000_000;

/** Whether a connection has as much to do as one should. */
export function isBusy({ pendingCommands, backlogBytes, receivedPerSecond }: ConnectionLoad): boolean {
  return pendingCommands >= COMMANDS_MARK || backlogBytes >= BYTES_MARK || receivedPerSecond >= RECEIVED_MARK;
}

/** Whether one more is worth opening: all are busy, and there may be more. */
export function isAnotherWanted(
  open: readonly ConnectionLoad[],
  { maxPerBrowser }: ConnectionSettings,
): boolean {
  return open.length < maxPerBrowser && open.every(isBusy);
}

/** The one to put the next virtual browser on: not busy if possible, then with the fewest, then with the least to do. */
export function leastLoaded<T extends Pick<Loaded, 'load'>>(all: readonly T[]): T | undefined {
  const loads = all.map((one) => ({ one, load: one.load }));
  loads.sort(
    (a, b) =>
      Number(isBusy(a.load)) - Number(isBusy(b.load)) ||
      a.load.virtualBrowsers - b.load.virtualBrowsers ||
      a.load.pendingCommands - b.load.pendingCommands,
  );
  return loads[0]?.one;
}

/** What has to happen to connections because of their age and idleness. */
export function dueChanges<T extends Loaded>(
  all: readonly T[],
  { idleTimeout, maxLifetime }: ConnectionSettings,
): { retire: T[]; close: T[]; needsSuccessor: boolean } {
  const loads = all.filter(({ isOpen }) => isOpen).map((one) => ({ one, load: one.load }));
  const old = loads.filter(({ load }) => load.ageMs >= maxLifetime);
  const young = loads.filter(({ load }) => load.ageMs < maxLifetime);
  const hasSuccessor = young.length > 0;
  const idle = young.filter(({ load }) => load.idleMs >= idleTimeout);
  // The youngest stays: it has the longest to go.
  const close = idle.length === young.length ? idle.slice(0, -1) : idle;
  return {
    retire: hasSuccessor ? old.map(({ one }) => one) : [],
    close: close.map(({ one }) => one),
    needsSuccessor: !hasSuccessor,
  };
}
