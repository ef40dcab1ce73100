import type { Protocol } from 'devtools-protocol';
import { CdpCode } from '../cdp/errors.js';
import type { Reply } from '../cdp/upstream.js';
import { free, levels, scope, type CommandEntry } from './catalogue-entry.js';
import type { ClientSession } from './client-session.js';
import { fits, LONGEST_VIEW, MOST_PIXELS } from './picture-room.js';
import { owing } from './readable-end.js';
import { objectParams, type Rule, type Unchecked } from './rule.js';
import { sparing } from './rules-fatal.js';
import { notAvailable, notFound, refuse } from './rules-refused.js';

// Of a picture over 2 GiB Chrome's GPU process dies, and after a few such deaths all of a Chrome that was not launched for it. Where a
// page is still drawn as it was before when it is taken, the browser itself dies: it makes room for the size that was asked for.
// So no page gets so large that its picture would be, and no picture is asked for that is.

/** Of what a page shows, device pixels. */
const LONGEST_DRAWN = 4 * LONGEST_VIEW;

/** The most device pixels by CSS pixels that a session has ever emulated. */
const factors = new WeakMap<ClientSession, number>();

const tooLarge = notAvailable(
  `a page is at most ${LONGEST_VIEW} px wide and high, and a picture of it 2 GiB: Chrome dies of larger ones.`,
);

const POSTURES: readonly string[] = ['continuous', 'folded'];

const setDeviceMetricsOverride: Rule = (session, incoming) => {
  const params = objectParams(incoming);
  const posture = (Object(params['devicePosture']) as Unchecked)['type'];
  if (typeof posture === 'string' && !POSTURES.includes(posture)) {
    // Chrome's words for it in setDevicePostureOverride: of it here it dies, too
    const error = { code: CdpCode.invalidParams, message: 'Invalid posture type' };
    session.client.refuse(session, incoming.scan.id, error);
    return;
  }
  if (!isRoomFor(session, params)) {
    tooLarge(session, incoming);
    return;
  }
  factors.set(session, Math.max(factors.get(session) ?? 1, factorOf(params)));
  session.client.forward(session, incoming);
};

/** Whether pictures of a page with such a screen fit; what is missing or of another type is Chrome's to refuse. */
function isRoomFor({ client: { virtual } }: ClientSession, params: Unchecked): boolean {
  const factor = factorOf(params);
  const [width, height] = [positive(params['width'], 0), positive(params['height'], 0)];
  const viewport = Object(params['viewport']) as Unchecked;
  const shown = positive(viewport['scale'], 1) * factor;
  const [across, down] = [positive(viewport['width'], 0) * shown, positive(viewport['height'], 0) * shown];
  const side = Math.max(width, height, across, down);
  if (side > LONGEST_VIEW || Math.max(width, height) * factor > LONGEST_DRAWN) return false;
  if (width * height * factor ** 2 > MOST_PIXELS) return false;
  // A side that is not given stays as it is, in pixels of which `scale` makes larger or smaller ones.
  const drawn = factor / Math.min(1, positive(params['scale'], 1));
  return fits(virtual, {
    area: Math.max(width * height, across * down),
    side,
    ...(!width && !height && { factor: drawn }),
    ...(!width !== !height && { strip: (width || height) * drawn ** 2 }),
  });
}

const setVisibleSize: Rule = (session, incoming) => {
  const { width, height } = objectParams(incoming);
  const [w, h] = [positive(width, 0), positive(height, 0)];
  const side = Math.max(w, h);
  if (side > LONGEST_VIEW || !fits(session.client.virtual, { area: w * h, side }))
    tooLarge(session, incoming);
  else session.client.forward(session, incoming);
};

const factorOf = ({ deviceScaleFactor }: Unchecked): number => positive(deviceScaleFactor, 1);

const positive = (value: unknown, other: number): number =>
  typeof value === 'number' && value > 0 ? value : other;

const captureScreenshot: Rule = (session, incoming) => {
  const params = objectParams(incoming);
  const { client } = session;
  if (params['captureBeyondViewport'] === true && params['clip'] === undefined) {
    captureAll(session, incoming.scan.id, params);
  } else if (isTaken(session, params['clip'])) client.forward(session, incoming);
  else client.refuse(session, incoming.scan.id, notTaken);
};

/** What Chrome says of a picture that is too large, where it lives. */
const notTaken = { code: CdpCode.server, message: 'Unable to capture screenshot' };
/** And of one of a whole page that is too long. */
const pageTooLarge = { code: CdpCode.server, message: 'Page is too large.' };

/** As Chrome does it itself: asks for the page's size, and takes that. In between the page may grow, so it is done here. */
function captureAll(session: ClientSession, id: number, params: Unchecked): void {
  const { client } = session;
  const { host } = client.virtual;
  const take: Reply<'Page.getLayoutMetrics'> = (error, metrics) => {
    if (host.session(session.id) !== session) return;
    const clip = metrics && { x: 0, y: 0, ...sizeOf(metrics), scale: 1 };
    if (error) client.refuse(session, id, error);
    else if (clip && Math.max(clip.width, clip.height) >= LONGEST_VIEW)
      client.refuse(session, id, pageTooLarge);
    else if (!clip || !isTaken(session, clip)) client.refuse(session, id, notTaken);
    else {
      const scan = { id, method: 'Page.captureScreenshot' };
      client.forwardChanged(session, { scan }, { ...params, clip });
    }
  };
  host.upstream.call('Page.getLayoutMetrics', undefined, session.id, owing(session, id, take), client);
}

function sizeOf({ cssContentSize: { width, height } }: Protocol.Page.GetLayoutMetricsResponse) {
  return { width, height };
}

/** Whether Chrome may be asked for such a part of a page; what is none is Chrome's to refuse. */
function isTaken(session: ClientSession, clip: unknown): boolean {
  const { width, height, scale } = Object(clip) as Unchecked;
  const isClip = [width, height, scale].every((one) => typeof one === 'number');
  if (!isClip) return true;
  const [across, down] = [(width as number) * (scale as number), (height as number) * (scale as number)];
  const side = Math.max(across, down);
  const factor = factors.get(session) ?? 1;
  if (side > LONGEST_VIEW || across * down * factor ** 2 > MOST_PIXELS) return false;
  // Chrome makes the page as large as that for a moment.
  return fits(session.client.virtual, { area: across * down, side });
}

/** By its source Chrome divides by it; 156 lived. */
const noFrame = ({ everyNthFrame }: Unchecked): string | undefined =>
  everyNthFrame === 0 ? 'everyNthFrame must be at least 1' : undefined;

const note = 'not larger than 2 GiB, of which the GPU process dies, or the browser';

/** Commands that ask for pictures, still or moving. */
export const pictures: Record<string, CommandEntry> = {
  startScreencast: levels(notFound, sparing(noFrame, 'of every 0th frame')),
  captureScreenshot: levels(notFound, scope(note, captureScreenshot, free)),
  startScreenRecording: levels(
    notFound,
    refuse('Chrome crashes of it when the page is closed meanwhile; Page.startScreencast is safe.', free),
  ),
};

/** What says how large a page is drawn; in the Emulation domain, and in the Page domain, where it was once. */
export const screenSizes: Record<string, CommandEntry> = {
  setDeviceMetricsOverride: levels(
    notFound,
    scope('no picture of it may be larger than 2 GiB', setDeviceMetricsOverride, free),
  ),
};

/** The same of the Emulation domain only. */
export const visibleSizes: Record<string, CommandEntry> = {
  ...screenSizes,
  setVisibleSize: levels(notFound, scope('no picture of it may be larger than 2 GiB', setVisibleSize, free)),
};
