/** Which Chrome is wanted: the headless shell where there is one (`auto`), the shell only, or full Chrome only. */
export type BrowserKind = 'auto' | 'shell' | 'chrome';

/** A Chrome that can be started, and what has to be known to start it. */
export interface ChromeExecutable {
  readonly path: string;
  readonly kind: 'shell' | 'chrome';
  readonly source: 'option' | 'CHROME_PATH' | 'installed' | 'embedded';
  /** Variables for the Chrome child alone, beside those it gets anyway. */
  readonly env: Readonly<Record<string, string>>;
}
