/** What the flags of a Chrome depend on. */
export interface FlagOptions {
  readonly kind: 'shell' | 'chrome';
  /** Needed as root and in most containers, where Chrome cannot set up its own sandbox. */
  readonly noSandbox: boolean;
  /** Whether /dev/shm is too small for the pages' shared memory (a container's default is 64 MB). */
  readonly smallShm: boolean;
  readonly userDataDir: string;
  /** Appended last; where Chrome takes a flag once, the last one counts. Lists of features are joined. */
  readonly extra: readonly string[];
}

const ALWAYS = [
  '--remote-debugging-pipe',
  // the page that nobody asked for: 14 MB (shell) or 60 MB (full)
  '--no-startup-window',
  '--disable-gpu',
  // else Chrome ends after a few deaths of its GPU process, which anybody's too large picture is enough for
  '--disable-gpu-process-crash-limit',
  // goes past proxies and past Fetch interception's idea of a connection
  '--disable-quic',
  '--no-first-run',
  '--no-default-browser-check',
  '--no-pings',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-component-extensions-with-background-pages',
  '--disable-default-apps',
  '--disable-extensions',
  '--disable-sync',
  '--disable-domain-reliability',
  '--disable-client-side-phishing-detection',
  '--disable-search-engine-choice-screen',
  '--metrics-recording-only',
  '--disable-breakpad',
  '--disable-crash-reporter',
  // nobody looks at any page, and each client believes that its own is in front
  '--disable-background-timer-throttling',
  '--disable-backgrounding-occluded-windows',
  '--disable-renderer-backgrounding',
  // a page that is busy on purpose is the client's own affair, and a page asking "wait or kill?" would never be answered
  '--disable-hang-monitor',
  '--disable-ipc-flooding-protection',
  '--disable-popup-blocking',
  '--disable-prompt-on-repost',
  // as Puppeteer and Playwright start it: pictures and PDFs come out the same as from their own Chrome
  '--allow-pre-commit-input',
  '--export-tagged-pdf',
  '--generate-pdf-document-outline',
  '--force-color-profile=srgb',
  '--hide-scrollbars',
  '--mute-audio',
  // no keyring daemon on a server; asking for one blocks the first cookie
  '--password-store=basic',
  '--use-mock-keychain',
] as const;

const DISABLED_FEATURES = [
  // full Chrome: two targets per window that are no page of anybody, and half its memory
  'WebUIOmniboxPopup',
  'WebUIOmniboxAimPopup',
  'WebUIReloadButton',
  // downloads and calls home of its own
  'Translate',
  'MediaRouter',
  'OptimizationHints',
  'AcceptCHFrame',
];

/** The last selection in the whole Chrome is pasted by a middle click, and may be a neighbour's. */
const BLINK_SETTINGS = ['middleClickPasteAllowed=false'];

/** What of ours gives way to another flag, which it would make pointless. */
const GIVES_WAY: ReadonlyMap<string, readonly string[]> = new Map([
  [
    '--disable-extensions',
    ['--load-extension', '--disable-extensions-except', '--enable-unsafe-extension-debugging'],
  ],
  ['--disable-gpu', ['--enable-gpu']],
]);

/** Flags of which Chrome takes one: a second one would undo the first, also ours. */
const LISTS = new Map([
  ['--disable-features', ','],
  ['--enable-features', ','],
  ['--disable-blink-features', ','],
  ['--enable-blink-features', ','],
  ['--blink-settings', ','],
  ['--js-flags', ' '],
]);

/** The command line (without the program) of a Chrome that serves many clients over its pipe. */
export function chromeFlags(options: FlagOptions): string[] {
  const names = new Set(options.extra.map(nameOf));
  const givesWay = (flag: string): boolean => GIVES_WAY.get(flag)?.some((name) => names.has(name)) === true;
  return [
    ...ALWAYS.filter((flag) => !givesWay(flag)),
    // the shell has no other mode; full Chrome knows `new` only, and older versions need to be told
    options.kind === 'chrome' ? '--headless=new' : '--headless',
    ...(options.noSandbox ? ['--no-sandbox'] : []),
    ...(options.smallShm ? ['--disable-dev-shm-usage'] : []),
    `--user-data-dir=${options.userDataDir}`,
    ...joined([
      `--disable-features=${DISABLED_FEATURES.join(',')}`,
      ...options.extra,
      `--blink-settings=${BLINK_SETTINGS.join(',')}`,
    ]),
  ];
}

/** Flags with those that are lists made one. */
function joined(flags: readonly string[]): string[] {
  const values = new Map<string, string[]>();
  const others: string[] = [];
  for (const flag of flags) {
    const name = nameOf(flag);
    const value = flag.slice(name.length + 1);
    if (!LISTS.has(name)) others.push(flag);
    else if (value !== '') values.set(name, [...(values.get(name) ?? []), value]);
  }
  return [...[...values].map(([name, list]) => `${name}=${list.join(LISTS.get(name))}`), ...others];
}

function nameOf(flag: string): string {
  const [name = flag] = flag.split('=', 1);
  return name;
}
