/**
 * One way to a browser. Frames are built in place: `reserve` room, write into `buffer` from the offset it gave,
 * `commit`. What is committed may wait for others to leave in one write: see `WriteBatch`.
 */
export interface Transport {
  /** Where the reserved room is; valid between `reserve` and `commit`. */
  readonly buffer: Buffer;
  /** Makes room for a frame of `length` bytes and gives its offset in `buffer`. */
  reserve(length: number): number;
  /** The frame in the reserved room is complete. */
  commit(): void;
  /** What is committed need not wait for others, where a window has it wait. */
  hurry(): void;
  /** What is committed in this turn of the event loop leaves at its end, so that what else the turn writes goes first: see `WriteBatch.gather`. */
  gather(): void;
  /** Bytes handed over and not yet written. */
  readonly backlog: number;
  /** Bytes read since it was opened. */
  readonly received: number;
  /** Calls `listener` once, when the backlog is written. */
  onceDrained(listener: () => void): void;
  /** Starts delivery; frames are the receiver's to patch and keep. `onClose` comes once and last. */
  listen(handlers: TransportHandlers): void;
  /** Closes; `onClose` follows. */
  close(): void;
  /** Ends at once, without waiting for the other side, which may never answer; `onClose` is told the reason. */
  abort(reason: string): void;
  /** Asks for a sign of life below the protocol; only where there is such a thing. */
  ping?(onPong: () => void): void;
}

/** What a transport tells. */
export interface TransportHandlers {
  onFrame(frame: Buffer): void;
  onClose(reason: string): void;
}
