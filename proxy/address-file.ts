import { readFileSync, rmSync } from 'node:fs';
import { rename, writeFile } from 'node:fs/promises';

/** A file that says where a cdpmux listens, for as long as it does. */
export class AddressFile {
  readonly #path: string;
  readonly #text: string;

  private constructor(path: string, url: string) {
    this.#path = path;
    this.#text = `${url}\n`;
  }

  /** Writes it, readable for its owner only; nobody ever reads half of it. */
  static async write(path: string, url: string): Promise<AddressFile> {
    const file = new AddressFile(path, url);
    const draft = `${path}.${process.pid}`;
    await writeFile(draft, file.#text, { mode: 0o600 });
    await rename(draft, path);
    return file;
  }

  /** Removes it, unless it is another's by now; at once, because nobody may be sent here any more. */
  remove(): void {
    try {
      if (readFileSync(this.#path, 'utf8') === this.#text) rmSync(this.#path);
    } catch {
      // gone already
    }
  }
}
