import { realpathSync, statSync } from 'node:fs';
import { basename, isAbsolute, join, sep } from 'node:path';
import type { VirtualBrowser } from './virtual-browser.js';

/** Before the name of an uploaded file, where only a path will do: Puppeteer resolves bare names on its own machine. */
export const FILES_PREFIX = '/cdpmux-files/';

/** A path for Chrome, or why there is none. */
export type GivenFile = { readonly path: string } | { readonly refusal: string };

/**
 * What a tenant's client means where it names a file: one that was uploaded or downloaded, by its name; or one of this
 * machine in a directory that `policy.files.allow` names, wherever symbolic links lead.
 */
export function givenFile({ files, policy }: VirtualBrowser, given: string): GivenFile {
  // Chrome takes it for no file.
  if (given === '' || !policy) return { path: given };
  const name = given.startsWith(FILES_PREFIX) ? given.slice(FILES_PREFIX.length) : given;
  if (!/[/\\]/.test(name)) {
    const path = files?.pathOf(name);
    if (path !== undefined) return { path };
    const missing = `no file ${JSON.stringify(name)} was uploaded: PUT it to /api/v1/virtual-browsers/<id>/files/<name> first`;
    return { refusal: missing };
  }
  const path = allowedPath(given, policy.directories);
  if (path !== undefined) return { path };
  // The same for what is not there: a client may not find out what is.
  const refusal = `${JSON.stringify(given)} is no file that may be used here: upload it with PUT /api/v1/virtual-browsers/<id>/files/<name> and give its name, or allow its directory with policy.files.allow`;
  return { refusal };
}

/** What a tenant is shown for a path of this machine. */
export function shownPath({ files, policy }: VirtualBrowser, path: string): string {
  if (!policy) return path;
  const name = files?.nameAt(path);
  if (name !== undefined) return FILES_PREFIX + name;
  return allowedPath(path, policy.directories) ?? basename(path);
}

/** The real path of a regular file in one of the directories; Chrome gets that one, so that no link is followed again. */
function allowedPath(given: string, directories: readonly string[]): string | undefined {
  if (directories.length === 0 || !isAbsolute(given) || given.includes('\0')) return undefined;
  try {
    const path = realpathSync(given);
    const isInside = directories.some((directory) => path.startsWith(join(realpathSync(directory), sep)));
    return isInside && statSync(path).isFile() ? path : undefined;
  } catch {
    return undefined;
  }
}
