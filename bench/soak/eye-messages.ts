/** What the eye in a cdpmux's process is asked. */
export interface Asked {
  /** Whether garbage is collected first. */
  readonly collect: boolean;
  /** So many KB are lost for good. */
  readonly loseKb?: number;
  /** A path for a heap snapshot. */
  readonly snapshot?: string;
}

/** What that process holds, by its own account; sizes in MB. */
export interface Told {
  readonly heapMb: number;
  /** What of it is code: V8 compiles what is often used, for as long as something is used more often than before. */
  readonly codeMb: number;
  readonly externalMb: number;
  readonly arrayBuffersMb: number;
  readonly rssMb: number;
  /** What keeps its event loop busy, by kind. */
  readonly resources: Readonly<Record<string, number>>;
}
