/** Flags that can be had only from a Chrome of one's own: with one of them the virtual browser is exclusive. */
export const exclusiveFlags: ReadonlySet<string> = new Set(
  `accept-lang allow-file-access-from-files allow-insecure-localhost allow-running-insecure-content autoplay-policy
  auto-accept-this-tab-capture auto-select-desktop-capture-source auto-select-tab-capture-source-by-title
  default-background-color disable-3d-apis disable-blink-features disable-extensions-except
  disable-reading-from-canvas disable-remote-fonts disable-site-isolation-trials disable-web-security disable-webgl
  enable-blink-features enable-experimental-web-platform-features enable-gpu enable-gpu-rasterization
  enable-precise-memory-info enable-unsafe-extension-debugging enable-unsafe-webgpu force-dark-mode
  force-device-scale-factor force-high-contrast force-prefers-reduced-motion force-webrtc-ip-handling-policy
  host-resolver-rules host-rules ignore-certificate-errors ignore-certificate-errors-spki-list ignore-gpu-blocklist
  isolate-origins js-flags lang load-extension no-proxy-server proxy-auto-detect proxy-pac-url site-per-process
  start-fullscreen start-maximized touch-events unsafely-treat-insecure-origin-as-secure
  use-fake-device-for-media-stream use-fake-ui-for-media-stream use-file-for-fake-audio-capture
  use-file-for-fake-video-capture webrtc-ip-handling-policy window-position`.split(/\s+/),
);

/** Flags that go into the upgrade's parameters: the parameter, and how a value looks that can be honoured. */
export const parameterFlags: ReadonlyMap<string, { readonly parameter: string; readonly takes: RegExp }> =
  new Map([
    ['proxy-server', { parameter: 'proxyServer', takes: /./ }],
    ['proxy-bypass-list', { parameter: 'proxyBypassList', takes: /./ }],
    ['user-agent', { parameter: 'userAgent', takes: /^(?! )[^\p{Cc}]{1,2048}(?<! )$/u }],
    ['window-size', { parameter: 'windowSize', takes: /^[1-9]\d{0,3},[1-9]\d{0,3}$/ }],
  ]);

/**
 * What programs pass without anybody having asked for it, or what is cdpmux's own affair: taken, and left out. Names that
 * begin with `disable-` are, too, unless they are in the list above.
 */
const quietFlags: ReadonlySet<string> = new Set(
  `allow-pre-commit-input allow-browser-signin browser-test crash-dumps-dir edge-skip-compat-layer-relaunch
  enable-automation enable-begin-frame-control enable-crash-reporter
  enable-features enable-logging enable-unsafe-swiftshader enable-use-zoom-for-dsf export-tagged-pdf
  font-render-hinting force-color-profile force-fieldtrials generate-pdf-document-outline headless hide-scrollbars
  log-level log-file metrics-recording-only mute-audio no-default-browser-check no-first-run no-pings no-sandbox
  no-service-autorun no-startup-window no-zygote password-store propagate-iph-for-testing
  remote-allow-origins remote-debugging-io-pipes remote-debugging-pipe remote-debugging-port
  run-all-compositor-stages-before-draw single-process test-type unsafely-disable-devtools-self-xss-warnings
  use-angle use-gl use-mock-keychain user-data-dir v vmodule`.split(/\s+/),
);

/** What Playwright passes to make headless pages look as if there were a mouse; shared Chromes have none either way. */
const playwrightPointers =
  '--blink-settings=primaryHoverType=2,availableHoverTypes=2,primaryPointerType=4,availablePointerTypes=4';

/** Ports are on loopback, as Chrome's are unless it is told otherwise. */
const loopback = /^--remote-debugging-address=(127\.0\.0\.1|localhost|)$/;

/** Whether a flag goes without saying. */
export function isQuiet(name: string, flag: string): boolean {
  return (
    quietFlags.has(name) || name.startsWith('disable-') || flag === playwrightPointers || loopback.test(flag)
  );
}

/** Work that Chrome does by itself, with no program that drives it. */
export const tasks: ReadonlySet<string> = new Set([
  'dump-dom',
  'print-to-pdf',
  'repl',
  'screenshot',
  'pack-extension',
]);
