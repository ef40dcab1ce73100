/** Schemes that a tenant's commands may name: what a page could open by itself, and nothing of the machine's or Chrome's own. */
export const defaultSchemes: readonly string[] = [
  'http',
  'https',
  'ws',
  'wss',
  'data',
  'blob',
  'about',
  'javascript',
];

const SPACE = 0x20;

/** How much of a URL an error shows. */
const SHOWN = 80;

/** Chrome shows the source of one URL, not of another view of a source; deeper nesting opens a blank page. */
const VIEW_SOURCE = 'view-source';

/** Those of which the rest of the URL says more. */
const SPECIAL = [VIEW_SOURCE, 'about', 'blob'];

/**
 * Which URLs a tenant's commands may name, by scheme: an allow-list, since what Chrome and its embedders add to schemes
 * (`chrome:`, `devtools:`, `filesystem:`, …) is never all known.
 */
export class UrlPolicy {
  readonly #schemes: ReadonlySet<string>;
  /** Those that are allowed whatever follows. */
  readonly #plain: ReadonlySet<string>;

  constructor(schemes: readonly string[] = defaultSchemes) {
    this.#schemes = new Set(schemes.map((scheme) => scheme.toLowerCase().replace(/:$/, '')));
    this.#plain = new Set([...this.#schemes].filter((scheme) => !SPECIAL.includes(scheme)));
  }

  /** Why this URL is refused, in words for the client; undefined for one that may go to Chrome. */
  refusalOf(url: string): string | undefined {
    // Nearly all are like this, and a data: URL may be long.
    if (this.#plain.has(schemeOf(url) ?? '')) return undefined;
    const text = asChromeReads(url);
    // No scheme, no URL to Chrome: it finds the words for that.
    if (!text.includes(':') || this.#allows(text)) return undefined;
    const shown = text.length > SHOWN ? `${text.slice(0, SHOWN)}…` : text;
    const allowed = [...this.#schemes].map((scheme) => `${scheme}:`).join(', ');
    return `URL ${JSON.stringify(shown)} is not allowed here: only ${allowed} are (policy.allowedSchemes)`;
  }

  #allows(text: string): boolean {
    const scheme = schemeOf(text);
    if (scheme === undefined) return false;
    const rest = text.slice(scheme.length + 1);
    // `view-source: file:…` is the file, too: what follows is read as a URL of its own
    if (scheme === VIEW_SOURCE) {
      const inner = asChromeReads(rest);
      return schemeOf(inner) !== VIEW_SOURCE && this.#allows(inner);
    }
    if (!this.#schemes.has(scheme)) return false;
    // about:gpu and its like stand for pages of chrome://
    if (scheme === 'about') return this.#schemes.has('chrome') || /^(?:blank|srcdoc)(?:[?#]|$)/i.test(rest);
    // a blob: URL names the origin that made it: a page of http(s), or one without an origin of its own
    if (scheme === 'blob') return /^(?:null\/|https?:)/i.test(rest);
    return true;
  }
}

/** A URL as Chrome's parser sees it: without blanks and control characters around, and tabs and line ends within. */
export function asChromeReads(url: string): string {
  let [start, end] = [0, url.length];
  // not with a pattern, which would look for the end from every blank again
  while (start < end && url.charCodeAt(start) <= SPACE) start++;
  while (end > start && url.charCodeAt(end - 1) <= SPACE) end--;
  return url.slice(start, end).replace(/[\t\n\r]/g, '');
}

function schemeOf(text: string): string | undefined {
  return /^([a-z][a-z0-9+.-]{0,63}):/i.exec(text)?.[1]?.toLowerCase();
}
