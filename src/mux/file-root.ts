import { mkdtempSync } from 'node:fs';
import { realpath, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { ownerTag } from '../chrome/owner.js';
import { CdpmuxError } from '../errors.js';
import { FileStore, type FileLimits } from '../virtual/file-store.js';
import type { OutgoingPolicy } from '../virtual/outgoing-policy.js';
import { UrlPolicy } from '../virtual/url-policy.js';

/** What of a machine's files virtual browsers may have; `policy` and `limits.files` in the configuration. */
export interface OutgoingOptions {
  /** URL schemes that a stranger's commands may name. */
  readonly allowedSchemes: readonly string[];
  /** Directories whose files strangers may give to pages. */
  readonly directories: readonly string[];
  /** Where uploads and downloads are kept, seen under the same path by remote Chromes; `tmpDir` where not given. */
  readonly filesDirectory?: string;
  readonly limits: FileLimits;
  /** Told of downloads that were canceled because they were too large. */
  readonly onDownloadCanceled?: (canceled: {
    readonly virtualBrowserId: string;
    readonly guid: string;
    readonly reason: string;
  }) => void;
}

/** What strangers may reach by these options. */
export function policyOf({
  allowedSchemes,
  directories,
  onDownloadCanceled,
}: OutgoingOptions): OutgoingPolicy {
  const urls = new UrlPolicy(allowedSchemes);
  return { urls, directories, ...(onDownloadCanceled && { onDownloadCanceled }) };
}

/**
 * The directory of this process beneath which virtual browsers keep their files. Its name says whose it is, so that the
 * next start sweeps what a killed one left.
 */
export class FileRoot {
  readonly #prefix: string;
  #path: string | undefined;

  private constructor(prefix: string) {
    this.#prefix = prefix;
  }

  /** Nothing is made before the first file. */
  static async in(directory: string): Promise<FileRoot> {
    const real = await realpath(directory).catch((cause: unknown) => {
      const message = `${directory} is no directory for the files of virtual browsers (policy.files.directory): ${(cause as Error).message}`;
      throw new CdpmuxError('BAD_PARAMETER', message, { cause });
    });
    return new FileRoot(join(real, `cdpmux-files-${await ownerTag()}-`));
  }

  /** A place for the files of one virtual browser. */
  store(limits: FileLimits): FileStore {
    // only its owner can look into what mkdtemp makes
    return new FileStore(() => (this.#path ??= mkdtempSync(this.#prefix)), limits);
  }

  /** Deletes all of it. */
  async close(): Promise<void> {
    if (this.#path !== undefined) await rm(this.#path, { recursive: true, force: true, maxRetries: 5 });
  }
}
