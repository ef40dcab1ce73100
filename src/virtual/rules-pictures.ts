import { CdpCode } from '../cdp/errors.js';
import { free, levels, scope, type CommandEntry } from './catalogue-entry.js';
import type { ClientSession } from './client-session.js';
import { objectParams, type Rule, type Unchecked } from './rule.js';
import { notFound, refuse } from './rules-refused.js';
import { largestWindow } from './window-size.js';

/** Pixels of 4 bytes in the largest picture that Chrome can hold, 2 GiB. */
const MOST_PIXELS = 2 ** 29;

/** A screen that a session has asked for. */
interface Screen {
  /** What the page shows of itself, px; 0: as much as it would without. */
  readonly width: number;
  readonly height: number;
  /** Device pixels by CSS pixels. */
  readonly factor: number;
  /** So many pixels are shown as one. */
  readonly scale: number;
}

/**
 * The screens that a session may have: the one that Chrome has confirmed and, as long as it has not answered, those asked for after
 * it. A picture that is asked for meanwhile may be taken with any of them.
 */
const screens = new WeakMap<ClientSession, Set<Screen>>();

/** Passes on what sets a screen, or takes it off. */
function asking(screenOf: (params: Unchecked) => Screen | undefined): Rule {
  return (session, incoming) => {
    const asked = screens.get(session) ?? new Set();
    screens.set(session, asked);
    const before = [...asked];
    const screen = screenOf(objectParams(incoming));
    if (screen) asked.add(screen);
    session.client.forward(session, incoming, (reply) => {
      if (!reply.error) for (const one of before) asked.delete(one);
      else if (screen) asked.delete(screen);
      return reply;
    });
  };
}

/** What is missing or of another type is Chrome's to refuse, and counts as what it is by itself. */
function screenOf({ width, height, deviceScaleFactor, scale }: Unchecked): Screen {
  return {
    width: positive(width, 0),
    height: positive(height, 0),
    factor: positive(deviceScaleFactor, 1),
    scale: positive(scale, 1),
  };
}

const positive = (value: unknown, other: number): number =>
  typeof value === 'number' && value > 0 ? value : other;

/**
 * Of a larger picture Chrome's GPU process dies, and after a few such deaths all of a Chrome that was not launched for it. Where the
 * page is still drawn as before when it is taken, the browser itself dies: it makes room for the size that was asked for. The answer is
 * the one that Chrome has where it lives.
 */
const captureScreenshot: Rule = (session, incoming) => {
  const { client } = session;
  if (pixelsOf(session, objectParams(incoming)['clip']) <= MOST_PIXELS) client.forward(session, incoming);
  else {
    const error = { code: CdpCode.server, message: 'Unable to capture screenshot' };
    client.refuse(session, incoming.scan.id, error);
  }
};

/** The most that a picture may have to hold; of a clip that is none, 0: that is for Chrome to judge. */
function pixelsOf(session: ClientSession, clip: unknown): number {
  const own = [...(screens.get(session) ?? [])];
  if (clip === undefined) return Math.max(0, ...own.map((screen) => pixelsShown(session, screen)));
  const { width, height, scale } = Object(clip) as Unchecked;
  const isClip = [width, height, scale].every((one) => typeof one === 'number');
  if (!isClip) return 0;
  const factor = Math.max(1, ...own.map((screen) => screen.factor));
  return (width as number) * (height as number) * ((scale as number) * factor) ** 2;
}

/** Of a picture of all that a screen shows. What it does not say is as in the window, or as another session of the page says. */
function pixelsShown(session: ClientSession, { width, height, factor, scale }: Screen): number {
  if (width && height) return width * height * factor ** 2;
  const { virtual } = session.client;
  const window = largestWindow(virtual);
  const others = virtual.host
    .sessions()
    .filter(({ targetId }) => targetId === session.targetId)
    .flatMap((one) => [...(screens.get(one) ?? [])]);
  const side = Math.max(window.side, ...others.flatMap((screen) => [screen.width, screen.height]));
  const area = side > window.side ? side ** 2 : window.area;
  const shown = width || height ? (width || height) * (side / scale) : area / scale ** 2;
  return shown * factor ** 2;
}

const note = 'not larger than 2 GiB, of which the GPU process dies, or the browser';

/** Commands that ask for pictures, still or moving, and those that say how large a page is drawn. */
export const pictures = {
  captureScreenshot: levels(notFound, scope(note, captureScreenshot, free)),
  startScreenRecording: levels(
    notFound,
    refuse('Chrome crashes of it when the page is closed meanwhile; Page.startScreencast is safe.', free),
  ),
} as const satisfies Record<string, CommandEntry>;

const remembered = 'remembered for Page.captureScreenshot';

/** The same commands in the Emulation and the Page domain, where they were once. */
export const screenSizes = {
  setDeviceMetricsOverride: levels(notFound, scope(remembered, asking(screenOf), free)),
  clearDeviceMetricsOverride: levels(
    notFound,
    scope(
      remembered,
      asking(() => undefined),
      free,
    ),
  ),
} as const satisfies Record<string, CommandEntry>;
