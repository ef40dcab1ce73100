import { CdpCode } from '../cdp/errors.js';
import {
  answer,
  free,
  levels,
  pass,
  scope,
  type CommandEntry,
  type Entry,
  type Exclusive,
} from './catalogue-entry.js';
import { objectParams, type Rule, type Unchecked } from './rule.js';
import { notAvailable, notFound } from './rules-refused.js';
import { asChromeReads } from './url-policy.js';

// What a client may send to its own page and Chrome's browser process dies of, or stands still: everybody in a shared Chrome goes with
// it. Where nothing else is said, each was seen to on Chrome 156 (`test/fatal.test.ts`).

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
export function sparing(fatal: Fatal, what: string, entry: Entry = pass): Entry {
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

/**
 * Workers whose sessions stay when they have stopped: there is no process then that Chrome could ask, and it does not look. Of shared
 * workers that is from a reading of its source.
 */
const STOPPING = ['service_worker', 'shared_worker'];
const notWhereStopped: CommandEntry = levels(notFound, notIn(STOPPING, 'a service or shared worker'));

const cookies: CommandEntry = levels(
  notFound,
  notIn(['worker', 'worklet', ...STOPPING, 'auction_worklet', 'shared_storage_worklet'], 'a worker'),
);

/** Cookies and bodies by the Network domain. */
export const networkInWorkers: Record<string, CommandEntry> = {
  setCookie: cookies,
  setCookies: cookies,
  deleteCookies: cookies,
  getCookies: cookies,
  getAllCookies: cookies,
  clearBrowserCookies: cookies,
  clearBrowserCache: notWhereStopped,
  getResponseBody: notWhereStopped,
  getRequestPostData: notWhereStopped,
  searchInResponseBody: notWhereStopped,
  streamResourceContent: notWhereStopped,
  getSecurityIsolationStatus: notWhereStopped,
};

/** The same command, but not in a session of a worker that may have stopped. */
export function exceptWhereStopped({ root, session }: CommandEntry): CommandEntry {
  const { note, rule } = notIn(STOPPING, 'a service or shared worker', session.rule);
  return levels(root, scope(also(session, note), rule!, unchanged(session)));
}

const noFeatures: Fatal = ({ features }) =>
  Array.isArray(features) && features.length === 0 ? 'features must not be empty' : undefined;

/** Emulation that only a page as a whole can have. */
export const emulationInFrames: Record<string, CommandEntry> = {
  setDisplayFeaturesOverride: levels(
    notFound,
    sparing(noFeatures, 'without features', notIn(['iframe'], 'a frame')),
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

const negativePlace: Fatal = ({ replacementStart, replacementEnd }) =>
  [replacementStart, replacementEnd].some((place) => typeof place === 'number' && place < 0)
    ? 'replacementStart and replacementEnd must not be negative'
    : undefined;

/** Programs send it with each Escape, and wait for its answer. */
const done: Rule = (session, { scan }) => session.client.reply(session, scan.id, {});

/** Commands of the Input domain. */
export const input: Record<string, CommandEntry> = {
  imeSetComposition: levels(notFound, sparing(negativePlace, 'with a negative place to replace')),
  synthesizeTapGesture: levels(notFound, sparing(manyTaps, `with more than ${MOST_TAPS} taps`)),
  cancelDragging: levels(
    notFound,
    answer('does nothing: Chrome crashes of it while a page is slow to answer a drag', done, free),
  ),
};

const STAGES: readonly unknown[] = ['Request', 'Response', undefined];

/** Versions of Chrome before 156 die of it, by their source; that one says so. */
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
  /^(?:induce|uithreadhang|delayeduithreadhang|gpu(?:clean|crash|hang)|quit|restart|memory-pressure)/;

/** Why a URL is refused to everybody in a shared Chrome, in words for the client. */
export function deadlyUrl(url: string): string | undefined {
  // a data: URL may be long
  if (!/[acv]/i.test(url.charAt(url.search(/[^\p{Cc} ]/u)))) return undefined;
  const [, host] = /^(?:view-source:)*(?:chrome|about):[\\/]*(.*)$/i.exec(asChromeReads(url)) ?? [];
  // the host has as many spellings as that of any other URL
  const web = `http://${host}`;
  if (host === undefined || !URL.canParse(web) || !DEADLY.test(new URL(web).hostname)) return undefined;
  return `URL ${JSON.stringify(url.slice(0, 80))} is about all of a Chrome, which is shared here`;
}
