import { CdpCode } from '../cdp/errors.js';
import {
  free,
  levels,
  pass,
  scope,
  type CommandEntry,
  type Entry,
  type Exclusive,
} from './catalogue-entry.js';
import { objectParams, type Rule, type Unchecked } from './rule.js';
import { notAvailable, notFound, refuse } from './rules-refused.js';

// What a client may send to its own page and Chrome's browser process dies of, or stands still: everybody in a shared Chrome goes with
// it. Each was tried on Chrome 156 (`test/fatal.test.ts`).

/** Passes a command on in sessions of some types of target; Chrome dies of it in others. */
function notIn(types: readonly string[], where: string, then: Rule = forward): Entry {
  const fatal = notAvailable(`Chrome crashes of it in a session of ${where}; send it in the page's session.`);
  const rule: Rule = (session, incoming) => (types.includes(session.type) ? fatal : then)(session, incoming);
  return scope(`not in sessions of ${where}, where Chrome crashes of it`, rule, free);
}

const forward: Rule = (session, incoming) => session.client.forward(session, incoming);

/** Why Chrome would die of a command's parameters, in its own words for what is like it; undefined where it does not. */
type Fatal = (params: Unchecked) => string | undefined;

/** Puts a check of the parameters before a rule. Who has a Chrome for itself may lose it. */
function sparing(fatal: Fatal, what: string, entry: Entry = pass): Entry {
  const { rule = forward } = entry;
  const spare: Rule = (session, incoming) => {
    const message = fatal(objectParams(incoming));
    if (message === undefined) rule(session, incoming);
    else session.client.refuse(session, incoming.scan.id, { code: CdpCode.invalidParams, message });
  };
  return scope(also(entry, `not ${what}, of which Chrome crashes`), spare, unchanged(entry));
}

const also = (entry: Entry, note: string): string => [entry.note, note].filter(Boolean).join('; ');

const unchanged = (entry: Entry): Exclusive => entry.exclusive ?? { local: entry, stranger: entry };

const cookies: CommandEntry = levels(
  notFound,
  notIn(['worker', 'shared_worker', 'service_worker', 'worklet'], 'a worker'),
);

/** Once a service worker has stopped there is nothing that Chrome could ask, and it does not look. */
const notInServiceWorkers: CommandEntry = levels(notFound, notIn(['service_worker'], 'a service worker'));

/** Cookies and bodies by the Network domain. */
export const networkInWorkers: Record<string, CommandEntry> = {
  setCookie: cookies,
  setCookies: cookies,
  deleteCookies: cookies,
  getCookies: cookies,
  getAllCookies: cookies,
  clearBrowserCookies: cookies,
  clearBrowserCache: notInServiceWorkers,
  getResponseBody: notInServiceWorkers,
  getRequestPostData: notInServiceWorkers,
  searchInResponseBody: notInServiceWorkers,
  streamResourceContent: notInServiceWorkers,
  getSecurityIsolationStatus: notInServiceWorkers,
};

/** The same command, but not in a session of a service worker. */
export function exceptInServiceWorkers({ root, session }: CommandEntry): CommandEntry {
  const { note, rule } = notIn(['service_worker'], 'a service worker', session.rule);
  return levels(root, scope(also(session, note), rule!, unchanged(session)));
}

const noFeatures: Fatal = ({ features }) =>
  Array.isArray(features) && features.length === 0 ? 'features must not be empty' : undefined;

/** Emulation that only a page as a whole can have. */
export const emulationInFrames: Record<string, CommandEntry> = {
  setDisplayFeaturesOverride: levels(
    notFound,
    sparing(noFeatures, 'without any', notIn(['iframe'], 'a frame')),
  ),
  clearDisplayFeaturesOverride: levels(notFound, notIn(['iframe'], 'a frame')),
};

/** Inches; of a far smaller paper nothing is left when Chrome counts in points. */
const SMALLEST_PAPER = 0.001;

const tinyPaper: Fatal = ({ paperWidth, paperHeight }) =>
  [paperWidth, paperHeight].some((side) => typeof side === 'number' && side > 0 && side < SMALLEST_PAPER)
    ? 'invalid print parameters: content area is empty'
    : undefined;

/** Commands of the Page domain. */
export const printing: Record<string, CommandEntry> = {
  printToPDF: levels(notFound, sparing(tinyPaper, 'on paper smaller than a thousandth of an inch')),
};

/** For each tap Chrome queues a gesture before it goes on with anything else; three million take it seconds. */
const MOST_TAPS = 1_000;

const manyTaps: Fatal = ({ tapCount }) =>
  typeof tapCount === 'number' && tapCount > MOST_TAPS ? `tapCount must be at most ${MOST_TAPS}` : undefined;

/** Commands of the Input domain. */
export const input: Record<string, CommandEntry> = {
  synthesizeTapGesture: levels(notFound, sparing(manyTaps, `with more than ${MOST_TAPS} taps`)),
  cancelDragging: levels(
    notFound,
    refuse(
      'Chrome crashes of it while a page is slow to answer a drag; a mouseReleased ends one as well.',
      free,
    ),
  ),
};

const STAGES: readonly unknown[] = ['Request', 'Response', undefined];

/** Some versions of Chrome die of it, and others say so. */
const unknownStage: Fatal = ({ patterns }) => {
  const all: readonly unknown[] = Array.isArray(patterns) ? patterns : [];
  const stages = all.map((pattern) => (Object(pattern) as Unchecked)['requestStage']);
  const unknown = stages.find((stage) => typeof stage === 'string' && !STAGES.includes(stage));
  return typeof unknown === 'string' ? `Unsupported request stage '${unknown}'` : undefined;
};

/** Requests of one's own page that are to be paused. */
export const pausing = sparing(unknownStage, 'at an unknown stage');

/** Larger pieces of a stream Chrome makes room for at once, bytes; it gives what there is. */
const LARGEST_PIECE = 64 * 1024 * 1024;

/** Reads a piece of a stream that Chrome holds. */
export const readPiece: Rule = (session, incoming) => {
  const params = objectParams(incoming);
  const { size } = params;
  if (typeof size !== 'number' || size <= LARGEST_PIECE) session.client.forward(session, incoming);
  else session.client.forwardChanged(session, incoming, { ...params, size: LARGEST_PIECE });
};

/** Pages of Chrome's own that end it, or have it stand still, when they are opened as from its address bar. */
const DEADLY =
  /^(?:view-source:)*(?:chrome|about):\/*(?:induce|uithreadhang|delayeduithreadhang|gpu(?:clean|crash|hang)|quit|restart|memory-pressure)/i;

/** Why a URL is refused to everybody in a shared Chrome, in words for the client. */
export function deadlyUrl(url: string): string | undefined {
  return DEADLY.test(url)
    ? `URL ${JSON.stringify(url.slice(0, 80))} is about all of a Chrome, which is shared here`
    : undefined;
}
