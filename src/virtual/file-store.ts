import { randomUUID } from 'node:crypto';
import { constants, existsSync, mkdirSync, mkdtempSync, renameSync, statSync } from 'node:fs';
import { open, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { CdpmuxError } from '../errors.js';
import { byteCounter } from './byte-counter.js';
import { freeName, isFileName } from './file-name.js';

/** How much a virtual browser may keep, bytes; `limits.files` in the configuration. */
export interface FileLimits {
  /** All its files together. */
  readonly total: number;
  /** One upload. */
  readonly upload: number;
}

/** One file of a virtual browser, as the HTTP interface lists it. */
export interface FileEntry {
  readonly name: string;
  /** Bytes; of a download on its way, those that are there. */
  readonly size: number;
  readonly state: 'complete' | 'inProgress' | 'canceled';
  /** Of downloads: the id that Chrome's events call it by. */
  readonly guid?: string;
  /** Why a download was canceled. */
  readonly reason?: string;
}

/** A file to be read. */
export interface OpenFile {
  readonly name: string;
  readonly size: number;
  readonly stream: Readable;
}

interface Kept {
  readonly size: number;
  readonly guid: string | undefined;
}

/** What the smallest file counts as: it takes a block and an inode, whatever is in it. */
const LEAST = 4096;
/** How many canceled downloads are remembered. */
const CANCELED = 100;

/**
 * The files of one virtual browser: those that were uploaded for its pages, and those that they downloaded. In a
 * directory of its own, made with the first of them; names are what clients see, and never lead out of it.
 */
export class FileStore {
  readonly limits: FileLimits;
  readonly #parent: () => string;
  /** By name; of what is complete. */
  readonly #files = new Map<string, Kept>();
  /** The names of complete downloads, by guid. */
  readonly #names = new Map<string, string>();
  /** By guid; added when a download begins, taken off when it ends. */
  readonly #downloads = new Map<string, { readonly name: string; size: number }>();
  /** The names of downloads on their way. */
  readonly #promised = new Set<string>();
  readonly #canceled: FileEntry[] = [];
  /** Bytes that count against the quota: of all the above, and of uploads on their way. */
  #used = 0;
  #state: { kind: 'unused' } | { kind: 'used'; path: string } | { kind: 'gone' } = { kind: 'unused' };

  /** `parent` gives the directory in which its own is made. */
  constructor(parent: () => string, limits: FileLimits) {
    this.#parent = parent;
    this.limits = limits;
  }

  /** Whether there is more than `limits.total` allows. */
  get isOver(): boolean {
    return this.#used > this.limits.total;
  }

  /** Whether there was never any file. */
  get isUnused(): boolean {
    return this.#state.kind === 'unused';
  }

  list(): FileEntry[] {
    const files = [...this.#files].map(([name, { size, guid }]): FileEntry => ({
      name,
      size,
      state: 'complete',
      ...(guid !== undefined && { guid }),
    }));
    const downloads = [...this.#downloads].map(([guid, { name, size }]): FileEntry => ({
      name,
      size,
      state: 'inProgress',
      guid,
    }));
    return [...files, ...downloads, ...this.#canceled];
  }

  /** Where a complete file is, by its name or its guid; undefined for what is neither. */
  pathOf(name: string): string | undefined {
    const known = this.#nameOf(name);
    return known === undefined ? undefined : join(this.#directory('files'), known);
  }

  /** The name of the file that is at this path. */
  nameAt(path: string): string | undefined {
    if (this.#state.kind !== 'used') return undefined;
    const folder = join(this.#state.path, 'files/');
    return path.startsWith(folder) ? path.slice(folder.length) : undefined;
  }

  /** Opens a file; throws NOT_FOUND. */
  async read(name: string): Promise<OpenFile> {
    const known = this.#nameOf(name);
    const path = this.pathOf(name);
    const handle =
      path !== undefined &&
      (await open(path, constants.O_RDONLY | constants.O_NOFOLLOW).catch(() => undefined));
    if (!handle || known === undefined) throw notFound(name);
    const { size } = await handle.stat();
    return { name: known, size, stream: handle.createReadStream() };
  }

  /** Takes an upload; one of the same name gives way when all of it is there. Throws TOO_LARGE, BAD_PARAMETER. */
  async write(name: string, content: Readable, announced = 0): Promise<FileEntry> {
    if (!isFileName(name)) {
      const shown = JSON.stringify(name.slice(0, 100));
      const message = `A file's name has 1 to 200 bytes, without slashes and control characters; got ${shown}.`;
      throw new CdpmuxError('BAD_PARAMETER', message);
    }
    this.#mustFit(announced, counted(announced));
    const part = join(this.#directory('incoming'), `${randomUUID()}.upload`);
    let size = 0;
    this.#used += counted(size);
    const count = (bytes: number): void => {
      this.#used += counted(size + bytes) - counted(size);
      size += bytes;
      this.#mustFit(size, 0);
    };
    try {
      const file = await open(part, 'wx', 0o600);
      await pipeline(content, byteCounter(count), file.createWriteStream());
      await rename(part, join(this.#directory('files'), name));
      this.#keep(name, { size, guid: undefined });
      return { name, size, state: 'complete' };
    } catch (error) {
      await rm(part, { force: true });
      throw error;
    } finally {
      this.#used -= counted(size);
    }
  }

  /** Deletes a file; false where there is none. */
  async remove(name: string): Promise<boolean> {
    const path = this.pathOf(name);
    const known = this.#nameOf(name);
    if (path === undefined || known === undefined) return false;
    this.#forget(known);
    await rm(path, { force: true });
    return true;
  }

  /** Where Chrome is to put downloads; each is named by its guid there until it is complete. */
  get incoming(): string {
    return this.#directory('incoming');
  }

  /** Whether Chrome is writing the download of this guid here, or has written it. */
  hasIncoming(guid: string): boolean {
    if (this.#state.kind !== 'used') return false;
    const path = join(this.incoming, guid);
    return existsSync(path) || existsSync(`${path}.crdownload`);
  }

  /** A download has begun. */
  begin(guid: string, suggested: string): void {
    const isTaken = (name: string): boolean => this.#files.has(name) || this.#promised.has(name);
    const name = (isFileName(suggested) ? freeName(suggested, isTaken) : undefined) ?? guid;
    this.#promised.add(name);
    this.#downloads.set(guid, { name, size: 0 });
    this.#used += LEAST;
  }

  /** So many bytes of a download are there. */
  progress(guid: string, size: number): void {
    const download = this.#downloads.get(guid);
    if (!download || size <= download.size) return;
    this.#used += counted(size) - counted(download.size);
    download.size = size;
  }

  /** Looks how much of a download is there: Chrome tells only twice a second. */
  async measure(guid: string): Promise<void> {
    if (this.#state.kind !== 'used') return;
    const found = await stat(join(this.incoming, `${guid}.crdownload`)).catch(() => undefined);
    if (found) this.progress(guid, found.size);
  }

  /** A download is complete, and has the name from now on that this gives; undefined when it is not there. */
  complete(guid: string): string | undefined {
    const promised = this.#endDownload(guid);
    if (promised === undefined || this.#state.kind !== 'used') return undefined;
    // An upload may have taken the name meanwhile.
    const name = freeName(promised, (one) => this.#files.has(one)) ?? guid;
    const path = join(this.#directory('files'), name);
    try {
      renameSync(join(this.incoming, guid), path);
      this.#keep(name, { size: statSync(path).size, guid });
      return name;
    } catch {
      return undefined;
    }
  }

  /** A download has ended without a file; with a reason it is listed as that. */
  cancel(guid: string, reason?: string): void {
    const name = this.#endDownload(guid);
    if (name === undefined || reason === undefined) return;
    this.#canceled.push({ name, size: 0, state: 'canceled', guid, reason });
    if (this.#canceled.length > CANCELED) this.#canceled.shift();
  }

  /** Deletes what Chrome wrote for a download that nobody may have. */
  discard(guid: string): void {
    if (this.#state.kind !== 'used') return;
    void rm(join(this.incoming, guid), { force: true }).catch(() => undefined);
  }

  /** Deletes everything; nothing can be put in any more. */
  async destroy(): Promise<void> {
    const state = this.#state;
    this.#state = { kind: 'gone' };
    for (const map of [this.#files, this.#names, this.#downloads]) map.clear();
    // a file that Chrome was just making shows up as ENOTEMPTY, and is gone with the next try
    if (state.kind === 'used') await rm(state.path, { recursive: true, force: true, maxRetries: 5 });
  }

  #nameOf(name: string): string | undefined {
    return this.#files.has(name) ? name : this.#names.get(name);
  }

  #keep(name: string, file: Kept): void {
    this.#forget(name);
    this.#files.set(name, file);
    if (file.guid !== undefined) this.#names.set(file.guid, name);
    this.#used += counted(file.size);
  }

  #forget(name: string): void {
    const file = this.#files.get(name);
    if (!file) return;
    this.#files.delete(name);
    if (file.guid !== undefined) this.#names.delete(file.guid);
    this.#used -= counted(file.size);
  }

  /** Takes a download off those on their way; gives the name it was to have. */
  #endDownload(guid: string): string | undefined {
    const download = this.#downloads.get(guid);
    if (!download) return undefined;
    this.#downloads.delete(guid);
    this.#promised.delete(download.name);
    this.#used -= counted(download.size);
    return download.name;
  }

  #mustFit(upload: number, more: number): void {
    if (upload > this.limits.upload) throw tooLarge('An upload', this.limits.upload, 'limits.files.upload');
    if (this.#used + more > this.limits.total) throw tooLarge(ALL, this.limits.total, 'limits.files.total');
  }

  #directory(part: 'files' | 'incoming'): string {
    if (this.#state.kind === 'gone')
      throw new CdpmuxError('ENDED', 'The virtual browser has ended, and its files are gone.');
    if (this.#state.kind === 'unused') {
      const path = mkdtempSync(join(this.#parent(), 'v-'));
      for (const name of ['files', 'incoming']) mkdirSync(join(path, name), { mode: 0o700 });
      this.#state = { kind: 'used', path };
    }
    return join(this.#state.path, part);
  }
}

const ALL = 'What a virtual browser keeps in files';

function counted(size: number): number {
  return Math.max(size, LEAST);
}

function notFound(name: string): CdpmuxError {
  const shown = JSON.stringify(name.slice(0, 100));
  return new CdpmuxError('NOT_FOUND', `No file has the name ${shown}; GET …/files lists those there are.`);
}

function tooLarge(what: string, most: number, setting: string): CdpmuxError {
  const message = `${what} may have ${most} bytes (${setting}): delete files that are not needed any more, or raise it.`;
  return new CdpmuxError('TOO_LARGE', message, { details: { setting } });
}
