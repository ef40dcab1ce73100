import type { Protocol } from 'devtools-protocol';

/** A filter of targets as CDP's `Target.TargetFilter`: the first entry that fits a type decides, none means no. */
export type TargetFilter = readonly Protocol.Target.FilterEntry[];

/** What Chrome takes where a client gives no filter. */
export const defaultFilter: TargetFilter = [
  { type: 'browser', exclude: true },
  { type: 'tab', exclude: true },
  {},
];

/** Whether a filter lets targets of this type through. */
export function admits(filter: TargetFilter, type: string): boolean {
  for (const entry of filter) {
    if (entry.type === undefined || entry.type === type) return entry.exclude !== true;
  }
  return false;
}
