import { free, levels, scope, type CommandEntry, type Entry } from './catalogue-entry.js';
import { objectParams, type Rule } from './rule.js';
import { CdpCode } from '../cdp/errors.js';
import { notAvailable, notFound, refuse } from './rules-refused.js';

/** Passes a command on in sessions of some types of target; Chrome dies of it in others, and takes everybody along. */
function notIn(types: readonly string[], where: string): Entry {
  const fatal = notAvailable(`Chrome crashes of it in a session of ${where}; send it in the page's session.`);
  const rule: Rule = (session, incoming) => {
    if (types.includes(session.type)) fatal(session, incoming);
    else session.client.forward(session, incoming);
  };
  return scope(`not in sessions of ${where}, where Chrome crashes of it`, rule, free);
}

const cookies: CommandEntry = levels(
  notFound,
  notIn(['worker', 'shared_worker', 'service_worker', 'worklet'], 'a worker'),
);

/** Cookies by the Network domain. */
export const networkCookies: Record<string, CommandEntry> = {
  setCookie: cookies,
  setCookies: cookies,
  deleteCookies: cookies,
  getCookies: cookies,
  getAllCookies: cookies,
  clearBrowserCookies: cookies,
};

/** Emulation that only a page as a whole can have. */
export const emulationInFrames: Record<string, CommandEntry> = {
  setDisplayFeaturesOverride: levels(notFound, notIn(['iframe'], 'a frame')),
  clearDisplayFeaturesOverride: levels(notFound, notIn(['iframe'], 'a frame')),
};

/** Pixels of 4 bytes in the largest picture that Chrome can hold, 2 GiB. */
const MOST_PIXELS = 2 ** 29;

/**
 * Of a larger picture Chrome's GPU process dies, and after a few such deaths all of a Chrome that was not launched for it; the answer is
 * the one that Chrome has then.
 */
const captureScreenshot: Rule = (session, incoming) => {
  const { client } = session;
  if (pixelsOf(objectParams(incoming)['clip']) <= MOST_PIXELS) client.forward(session, incoming);
  else {
    const error = { code: CdpCode.server, message: 'Unable to capture screenshot' };
    client.refuse(session, incoming.scan.id, error);
  }
};

/** What a clip asks for; 0 where that is for Chrome to judge. */
function pixelsOf(clip: unknown): number {
  const { width, height, scale } = Object(clip) as Record<string, unknown>;
  const isClip = [width, height, scale].every((one) => typeof one === 'number');
  return isClip ? (width as number) * (height as number) * (scale as number) ** 2 : 0;
}

/** Commands that ask for pictures, still or moving. */
export const pictures: Record<string, CommandEntry> = {
  captureScreenshot: levels(
    notFound,
    scope('not larger than 2 GiB, of which the GPU process dies', captureScreenshot, free),
  ),
  startScreenRecording: levels(
    notFound,
    refuse('Chrome crashes of it when the page is closed meanwhile; Page.startScreencast is safe.', free),
  ),
};
