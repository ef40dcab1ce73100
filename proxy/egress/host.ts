/**
 * A host as Chrome itself would read it in a URL: lower case, punycode, no dot at the end; `2130706433`, `0x7f.1`,
 * `[::ffff:127.0.0.1]` and the like become plain addresses without brackets. Undefined for what is no host.
 */
export function canonicalHost(text: string): string | undefined {
  // Anything with these would be another part of the URL than the host.
  if (text === '' || /[/\\?#@\s]/.test(text)) return undefined;
  const bracketed = text.includes(':') && !text.startsWith('[') ? `[${text}]` : text;
  if (!URL.canParse(`http://${bracketed}/`)) return undefined;
  const { hostname, port } = new URL(`http://${bracketed}/`);
  if (port !== '') return undefined;
  const bare = hostname.startsWith('[') ? hostname.slice(1, -1) : hostname.replace(/\.$/, '');
  return bare === '' ? undefined : bare;
}

/** A host and a port in one text, as in a URL. */
export function authority(host: string, port: number): string {
  return `${host.includes(':') ? `[${host}]` : host}:${port}`;
}
