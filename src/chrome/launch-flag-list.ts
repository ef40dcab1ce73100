/** What a flag takes after its `=`: nothing, or a text that passes a check. */
export type FlagValue = 'none' | ValueCheck;

/** A check of a flag's value; `takes` says in words what passes. */
export interface ValueCheck {
  readonly takes: string;
  readonly isOptional?: boolean;
  readonly test: (value: string) => boolean;
}

const matching = (pattern: RegExp, takes: string): ValueCheck => ({
  takes,
  test: (value) => pattern.test(value),
});
const oneOf = (...values: readonly string[]): ValueCheck => ({
  takes: values.join(', '),
  test: (value) => values.includes(value),
});
const listOf = (names: readonly string[]): ValueCheck => ({
  takes: `some of ${names.join(', ')}`,
  test: (value) => value.split(',').every((name) => names.includes(name)),
});
const optional = (check: ValueCheck): ValueCheck => ({ ...check, isOptional: true });

const number = matching(/^\d{1,10}$/, 'a number');
const word = matching(/^[\w-]{1,64}$/, 'a word');
const text = matching(/^[^\p{Cc}]{1,2048}$/u, 'a text of at most 2048 characters');
const anyNames = matching(/^[\w.,:/<>%-]{1,2048}$/, 'names, separated by commas');
const size = matching(/^\d{1,4},\d{1,4}$/, 'two numbers below 10000, as in 1280,720');
const languages = matching(/^[\w,;=.* -]{1,200}$/, 'languages, as in de,en');

/** Features that clients of other tools are often told to switch, and that reach nothing of the machine. */
const features = listOf([
  'AcceptCHFrame',
  'AudioServiceOutOfProcess',
  'AutoExpandDetailsElement',
  'AutomationControlled',
  'AvoidUnnecessaryBeforeUnloadCheckSync',
  'BackForwardCache',
  'BlinkGenPropertyTrees',
  'BlockInsecurePrivateNetworkRequests',
  'CSSViewTransitions',
  'CalculateNativeWinOcclusion',
  'DestroyProfileOnBrowserClose',
  'DialMediaRouteProvider',
  'FedCm',
  'GlobalMediaControls',
  'HttpsFirstBalancedModeAutoEnable',
  'HttpsUpgrades',
  'ImprovedCookieControls',
  'InterestFeedContentSuggestions',
  'IsolateOrigins',
  'IsolateSandboxedIframes',
  'LazyFrameLoading',
  'LensOverlay',
  'MediaRouter',
  'NetworkService',
  'OptimizationHints',
  'PaintHolding',
  'PdfOopif',
  'PlzDedicatedWorker',
  'Prerender2',
  'PrivacySandboxSettings4',
  'ProcessPerSiteUpToMainFrameThreshold',
  'RenderDocument',
  'SharedArrayBuffer',
  'SitePerProcess',
  'ThirdPartyStoragePartitioning',
  'Translate',
  'TranslateUI',
  'WebContentsForceDark',
  'site-per-process',
]);

const blinkSetting = listed(
  /^(?:imagesEnabled|scriptEnabled|preferredColorScheme|preferredContrast|primaryPointerType|availablePointerTypes|primaryHoverType|availableHoverTypes|forceDarkModeEnabled|forceDarkModeInversionAlgorithm|darkMode\w*|minimumFontSize|defaultFontSize|viewportEnabled|viewportMetaEnabled|hideScrollbars)=[\w.]{1,16}$/,
  /,/,
  'settings of how pages look, as in imagesEnabled=false',
);
const jsFlag = listed(
  /^--(?:expose[-_]gc|jitless|lite[-_]mode|(?:max[-_](?:old|semi)[-_]space[-_]size|random[-_]seed|stack[-_]trace[-_]limit)=\d{1,4}|(?:no[-_])?harmony[-_a-z]{0,64})$/,
  /[\s,]+/,
  '--expose-gc, --jitless, --lite-mode, --harmony-…, and --max-old-space-size, --max-semi-space-size, --random-seed, --stack-trace-limit with at most 4 digits',
);

function listed(pattern: RegExp, separator: RegExp, takes: string): ValueCheck {
  return { takes, test: (value) => value.split(separator).every((one) => pattern.test(one)) };
}

const none = (names: string): [string, FlagValue][] => names.split(' ').map((name) => [name, 'none']);

/** What cdpmux decides by itself, as these clients would: taken, and left out. */
export const ownFlags: ReadonlySet<string> = new Set(
  `allow-pre-commit-input disable-background-networking disable-background-timer-throttling disable-backgrounding-occluded-windows
  disable-breakpad disable-client-side-phishing-detection disable-component-extensions-with-background-pages
  disable-component-update disable-crash-reporter disable-default-apps disable-domain-reliability disable-extensions
  disable-gpu disable-hang-monitor disable-ipc-flooding-protection disable-popup-blocking disable-prompt-on-repost
  disable-quic disable-renderer-backgrounding disable-search-engine-choice-screen disable-sync export-tagged-pdf
  generate-pdf-document-outline headless hide-scrollbars metrics-recording-only mute-audio no-default-browser-check
  no-first-run no-pings no-startup-window password-store use-mock-keychain`.split(/\s+/),
);

/** What any client may start its Chrome with: nothing of it reaches beyond that Chrome. */
export const flagsForAnyone: ReadonlyMap<string, FlagValue> = new Map([
  ...none('allow-insecure-localhost allow-running-insecure-content auto-accept-this-tab-capture'),
  ...none('disable-2d-canvas-clip-aa disable-3d-apis disable-accelerated-2d-canvas disable-audio-output'),
  ...none(
    'disable-back-forward-cache disable-checker-imaging disable-cookie-encryption disable-dev-shm-usage',
  ),
  ...none('disable-field-trial-config disable-font-subpixel-positioning disable-gpu-compositing'),
  ...none(
    'disable-image-animation-resync disable-infobars disable-lcd-text disable-new-content-rendering-timeout',
  ),
  ...none('disable-notifications disable-partial-raster disable-reading-from-canvas disable-remote-fonts'),
  ...none('disable-save-password-bubble disable-session-crashed-bubble disable-site-isolation-trials'),
  ...none(
    'disable-smooth-scrolling disable-software-rasterizer disable-speech-api disable-threaded-animation',
  ),
  ...none('disable-threaded-scrolling disable-translate disable-webgl'),
  ...none('enable-automation enable-begin-frame-control enable-experimental-web-platform-features'),
  ...none('enable-precise-memory-info enable-unsafe-swiftshader force-dark-mode force-high-contrast'),
  ...none('force-prefers-reduced-motion ignore-certificate-errors process-per-site'),
  ...none(
    'run-all-compositor-stages-before-draw site-per-process start-fullscreen start-maximized test-type',
  ),
  ...none('unsafely-disable-devtools-self-xss-warnings use-fake-ui-for-media-stream'),
  ['accept-lang', languages],
  [
    'autoplay-policy',
    oneOf('no-user-gesture-required', 'user-gesture-required', 'document-user-activation-required'),
  ],
  ['auto-select-tab-capture-source-by-title', text],
  ['blink-settings', blinkSetting],
  ['default-background-color', matching(/^[0-9a-f]{6}(?:[0-9a-f]{2})?$/i, 'a colour as RRGGBBAA')],
  ['disable-blink-features', features],
  ['disable-features', features],
  ['disk-cache-size', number],
  ['enable-features', features],
  ['font-render-hinting', oneOf('none', 'slight', 'medium', 'full', 'max')],
  ['force-color-profile', word],
  ['force-device-scale-factor', matching(/^(?:\d|\d?\.\d{1,4}|\d\.\d{1,4})$/, 'a number below 10')],
  ['ignore-certificate-errors-spki-list', matching(/^[\w+/=,]{1,2048}$/, 'hashes, separated by commas')],
  ['isolate-origins', text],
  ['js-flags', jsFlag],
  ['lang', languages],
  ['renderer-process-limit', number],
  ['ssl-version-max', oneOf('tls1.2', 'tls1.3')],
  ['ssl-version-min', oneOf('tls1.2', 'tls1.3')],
  ['touch-events', oneOf('enabled', 'disabled', 'auto')],
  ['unsafely-treat-insecure-origin-as-secure', text],
  ['use-angle', oneOf('swiftshader', 'default')],
  [
    'use-fake-device-for-media-stream',
    optional(matching(/^[\w=,.-]{1,200}$/, 'settings such as device-count=2')),
  ],
  ['use-gl', oneOf('angle', 'swiftshader', 'disabled')],
  ['user-agent', text],
  ['window-position', matching(/^-?\d{1,4},-?\d{1,4}$/, 'two numbers, as in 0,0')],
  ['window-size', size],
]);

/** What only those may who have this machine's trust: files, programs of extensions, ways around proxies, the GPU. */
export const flagsForLocal: ReadonlyMap<string, FlagValue> = new Map([
  // The headless shell lets its pages load files with this one.
  ...none('disable-web-security'),
  ...none(
    'allow-file-access-from-files enable-gpu enable-gpu-rasterization enable-unsafe-extension-debugging',
  ),
  ...none('enable-unsafe-webgpu ignore-gpu-blocklist no-proxy-server proxy-auto-detect'),
  ['auto-select-desktop-capture-source', text],
  ['blink-settings', text],
  ['disable-blink-features', anyNames],
  ['disable-extensions-except', text],
  ['disable-features', anyNames],
  ['enable-blink-features', anyNames],
  ['enable-features', anyNames],
  ['force-webrtc-ip-handling-policy', word],
  ['host-resolver-rules', text],
  ['host-rules', text],
  ['load-extension', text],
  ['proxy-pac-url', text],
  ['use-angle', word],
  ['use-file-for-fake-audio-capture', text],
  ['use-file-for-fake-video-capture', text],
  ['use-gl', word],
  ['webrtc-ip-handling-policy', word],
]);

/** Why some that are often asked for are not there. */
export const refusedFlags: readonly (readonly [pattern: RegExp, why: string])[] = [
  [/^remote-/, 'cdpmux alone speaks to this Chrome'],
  [
    /sandbox|zygote|^single-process$|^in-process-gpu$/,
    'whether Chrome has its sandbox is up to whoever runs cdpmux',
  ],
  [/^user-data-dir$|^profile-|-dir$|^incognito$/, 'cdpmux makes the profile, and deletes it with the Chrome'],
  [/-prefix$|-launcher$|-path$|^utility-/, 'it would start programs of the machine'],
  [/^v$|^vmodule$|logging|^log-|-log(?:-|$)|^trace-|dump/, "it would write files on Chrome's machine"],
];
