import {
  everywhere,
  free,
  freeForLocal,
  levels,
  pass,
  answered,
  scoped,
  type CommandEntry,
  type DomainEntry,
  type Entry,
  type Exclusive,
} from './catalogue-entry.js';
import { runIfWaiting } from './rules-attach.js';
import { browserCommands } from './rules-browser.js';
import { domFiles, dragFiles, pageDownloadBehavior } from './rules-files.js';
import { keyEvents } from './rules-clipboard.js';
import { emulationInFrames, exceptWhereStopped, input, networkInWorkers, printing } from './rules-fatal.js';
import { pictures, screenSizes, visibleSizes } from './rules-pictures.js';
import { notFound, notFoundUnless, notForStrangers, refuse } from './rules-refused.js';
import { muxCommands } from './rules-mux.js';
import { sharedAnswer } from './rules-shared.js';
import { securityCommands } from './rules-security.js';
import { storageCommands } from './rules-storage.js';
import { emulationCommands, fetchCommands, memoryCommands, systemInfoCommands } from './rules-system.js';
import { targetCommands } from './rules-target.js';
import { ioCommands, tracingCommands } from './rules-tracing.js';
import { fetchUrls, loadsUrl } from './rules-url.js';

/**
 * What becomes of every method of the protocol. Chrome has two kinds of sessions: those on the browser, of which a
 * client's root is one and where a command may concern everybody, and those on a target, where most commands concern that
 * target alone. So domains are of three kinds: those whose commands each have a rule (what a newer Chrome adds to them
 * does not exist here until somebody has looked at it), those that exist in sessions of targets only and pass there, and
 * those that are refused as a whole.
 */
export const catalogue: ReadonlyMap<string, DomainEntry> = new Map<string, DomainEntry>(
  Object.entries({
    Browser: each(browserCommands, pass, {
      downloadWillBegin: scoped('of own frames'),
      downloadProgress: scoped('of own downloads'),
    }),
    Target: each(targetCommands, scoped('of own targets, in own sessions'), {}),
    Storage: each(storageCommands),
    Security: each(securityCommands),
    SystemInfo: each(systemInfoCommands),
    Memory: each(memoryCommands),
    Tracing: each(tracingCommands, pass, {
      dataCollected: {
        kind: 'lock',
        note: "events of one's own pages",
        rule: undefined,
        exclusive: freeForLocal,
      },
      tracingComplete: {
        kind: 'lock',
        note: "of one's own trace",
        rule: undefined,
        exclusive: freeForLocal,
      },
    }),
    IO: each(ioCommands),
    Mux: each(muxCommands, answered('from cdpmux, to clients that have used a command of this domain')),

    BluetoothEmulation: refused("the adapter is one for all; it can't be emulated for one alone.", free),
    Cast: refused(
      'it would reach devices in the network.',
      notForStrangers('it would reach devices in the network.'),
    ),
    Extensions: refused(
      'extensions act on everybody in it.',
      notForStrangers('extensions are read from paths of this machine, and may do what no page may.'),
    ),
    PWA: refused(
      "it would act on the machine's own applications.",
      notForStrangers("it would act on the machine's own applications."),
    ),
    Tethering: refused(
      "it would open ports on Chrome's machine.",
      notForStrangers("it would open ports on Chrome's machine."),
    ),

    Emulation: ofTargets({ ...emulationCommands, ...emulationInFrames, ...visibleSizes }),
    DOM: ofTargets(domFiles),
    Fetch: ofTargets({ ...fetchCommands, ...fetchUrls }, notFoundUnless(free)),
    Input: ofTargets({ ...input, dispatchDragEvent: dragFiles, dispatchKeyEvent: keyEvents }),
    Network: ofTargets({ ...networkInWorkers, loadNetworkResource: exceptWhereStopped(loadsUrl) }),
    Page: ofTargets({
      ...pictures,
      ...printing,
      ...screenSizes,
      navigate: loadsUrl,
      setDownloadBehavior: pageDownloadBehavior,
    }),
    Runtime: ofTargets({ runIfWaitingForDebugger: runIfWaiting }),
    Schema: ofTargets({ getDomains: levels(notFound, sharedAnswer) }),

    ...Object.fromEntries(
      [
        'Accessibility Ads Animation Audits Autofill BackgroundService CSS CacheStorage Console CrashReportContext',
        'DOMDebugger DOMSnapshot DOMStorage Debugger DeviceAccess DeviceOrientation DigitalCredentials',
        'EventBreakpoints FedCm FileSystem FindInPage HeadlessExperimental HeapProfiler IndexedDB Inspector',
        'LayerTree Log Media Overlay Performance PerformanceTimeline Preload Profiler ServiceWorker',
        'SmartCardEmulation WebAudio WebAuthn WebMCP',
      ]
        .join(' ')
        .split(' ')
        .map((name) => [name, ofTargets({})]),
    ),
  }),
);

/** Every command of the domain has a rule of its own. */
function each(
  commands: Readonly<Record<string, CommandEntry>>,
  events: Entry = pass,
  eventExceptions: Readonly<Record<string, Entry>> = {},
): DomainEntry {
  return { others: undefined, commands, events, eventExceptions };
}

/** What is not listed passes in sessions of targets, and does not exist at the root. */
function ofTargets(commands: Readonly<Record<string, CommandEntry>>, root: Entry = notFound): DomainEntry {
  return { others: levels(root, pass), commands, events: pass, eventExceptions: {} };
}

/** Nothing of it can be confined. */
function refused(why: string, exclusive: Required<Exclusive>): DomainEntry {
  const entry = refuse(why, exclusive);
  const events: Entry = { ...entry, note: 'never comes', rule: undefined };
  return { others: everywhere(entry), commands: {}, events, eventExceptions: {} };
}
