import type { Readable } from 'node:stream';
import { CdpmuxError } from '../errors.js';
import type { FileEntry, FileStore, OpenFile } from '../virtual/file-store.js';
import { FILES_PREFIX } from '../virtual/given-files.js';
import type { VirtualBrowser } from '../virtual/virtual-browser.js';
import type { BrowserFiles, UploadedFile } from './types.js';

/** The files of one virtual browser, for those who come by HTTP. */
export class BrowserFileList implements BrowserFiles {
  readonly #files: FileStore;
  /** Whether its tenant may know paths of this machine. */
  readonly #isLocal: boolean;

  constructor({ files, policy }: VirtualBrowser) {
    if (!files) {
      const message =
        'Chrome runs on another machine and would not find files of this one; policy.files.directory names a directory that both see.';
      throw new CdpmuxError('NOT_FOUND', message);
    }
    this.#files = files;
    this.#isLocal = policy === undefined;
  }

  list(): FileEntry[] {
    return this.#files.list();
  }

  read(name: string): Promise<OpenFile> {
    return this.#files.read(name);
  }

  async write(name: string, content: Readable, announced?: number): Promise<UploadedFile> {
    const entry = await this.#files.write(name, content, announced);
    const real = this.#isLocal ? this.#files.pathOf(name) : undefined;
    return { ...entry, path: real ?? FILES_PREFIX + name };
  }

  remove(name: string): Promise<boolean> {
    return this.#files.remove(name);
  }
}
