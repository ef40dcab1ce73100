import { readFileSync } from 'node:fs';

/** cdpmux's own version; works from the sources and from dist/. */
export function ownVersion(): string {
  for (const path of ['../package.json', '../../package.json']) {
    try {
      const { name, version } = JSON.parse(readFileSync(new URL(path, import.meta.url), 'utf8')) as {
        name?: string;
        version?: string;
      };
      if (name === 'cdpmux' && version !== undefined) return version;
    } catch {
      // not there: the other one
    }
  }
  return 'unknown';
}
