/** The client's socket, as this layer sees it. */
export interface ClientLink {
  /** Its client shows a close's reason by itself, and only where no command failed before. */
  readonly showsReason: boolean;
  /** Sends one text message; the buffer is the socket's from now on. */
  send(message: Buffer): void;
  close(code: number, reason: string): void;
  /** Stops reading from the client until `resume`; what has been read already still comes. */
  pause(): void;
  resume(): void;
  terminate(): void;
  /** A command was answered after so many seconds. */
  observe(seconds: number): void;
  /** Counts a command that did not come as a frame of its own; gives the ms to wait before the next one. */
  charge(bytes: number): number;
  /** A command was asked whose answer all may share: known already, or asked of Chrome. */
  countShared(isKnown: boolean): void;
}
