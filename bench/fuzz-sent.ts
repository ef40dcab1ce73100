import { writeFileSync } from 'node:fs';

/** So many frames are kept. */
const KEPT = 20_000;

/** What all clients sent last, for when a Chrome dies of it. */
export class LastSent {
  readonly #lines: string[] = [];
  #next = 0;

  /** Keeps the beginning of a frame that a client sent as part of a batch. */
  add(client: number, batch: number, text: string): void {
    this.#lines[this.#next] = `${performance.now().toFixed(0)} client ${client} batch ${batch} ${text}`;
    this.#next = (this.#next + 1) % KEPT;
  }

  /** Writes a line for each frame, with ms, client and batch before it, the last one at the end. */
  write(file: string): void {
    const lines = [...this.#lines.slice(this.#next), ...this.#lines.slice(0, this.#next)];
    writeFileSync(file, `${lines.map((line) => line.replaceAll('\n', '\\n')).join('\n')}\n`);
  }
}
