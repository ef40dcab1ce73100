import type { ClientLink } from '../client-link.js';

/** Looks at a message that is about to be sent, and gives what is to be done once it was. */
export type Look = (message: Buffer) => (() => void) | undefined;

/** A client's socket of which each message is looked at before it is sent: in place only while a batch waits for events. */
export class TappedLink implements ClientLink {
  readonly #link: ClientLink;
  readonly #look: Look;

  constructor(link: ClientLink, look: Look) {
    this.#link = link;
    this.#look = look;
  }

  get showsReason(): boolean {
    return this.#link.showsReason;
  }

  send(message: Buffer): void {
    const then = this.#look(message);
    this.#link.send(message);
    then?.();
  }

  close(code: number, reason: string): void {
    this.#link.close(code, reason);
  }

  pause(): void {
    this.#link.pause();
  }

  resume(): void {
    this.#link.resume();
  }

  terminate(): void {
    this.#link.terminate();
  }

  observe(seconds: number): void {
    this.#link.observe(seconds);
  }

  charge(bytes: number): number {
    return this.#link.charge(bytes);
  }

  countShared(isKnown: boolean): void {
    this.#link.countShared(isKnown);
  }
}
