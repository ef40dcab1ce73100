import { fits } from './picture-room.js';
import { objectParams, type Rule, type Unchecked } from './rule.js';
import { notAvailable } from './rules-refused.js';
import type { VirtualBrowser } from './virtual-browser.js';

/** Of a window, px: full Chrome dies of one a million wide. */
const LONGEST_SIDE = 32_768;
/** Of a window, px²: full Chrome needs seconds for each picture of one four times as large, and everybody waits. */
const LARGEST_AREA = 2 ** 26;
/** Of windows that no client has sized, px. */
const USUAL_SIDE = 2_048;

/** The longest sides of windows that a client has asked for; a page by itself makes none that is larger than its screen. */
const longest = new WeakMap<VirtualBrowser, { readonly width: number; readonly height: number }>();

const tooLarge = notAvailable(
  `windows are at most ${LONGEST_SIDE} px wide and high, and ${LARGEST_AREA} px² large: Chrome dies of far larger ones.`,
);

/** Refuses windows of which Chrome dies; `sizeOf` finds a window's size in the parameters. */
export function inWindowSize(sizeOf: (params: Unchecked) => unknown, rule: Rule): Rule {
  return (session, incoming) => {
    const { virtual } = session.client;
    const { width, height } = Object(sizeOf(objectParams(incoming))) as Unchecked;
    // who has a Chrome for itself may lose it
    if (virtual.host.exclusive || isRoomFor(virtual, sideOf(width), sideOf(height))) rule(session, incoming);
    else tooLarge(session, incoming);
  };
}

/** A side that is 0 stays as it is. */
function isRoomFor(virtual: VirtualBrowser, width: number, height: number): boolean {
  if (width === 0 && height === 0) return true;
  const before = longest.get(virtual) ?? { width: USUAL_SIDE, height: USUAL_SIDE };
  const area = (width || before.width) * (height || before.height);
  if (
    Math.max(width, height) > LONGEST_SIDE ||
    area > LARGEST_AREA ||
    !fits(virtual, { area, side: Math.max(width, height) })
  )
    return false;
  longest.set(virtual, {
    width: Math.max(width, before.width),
    height: Math.max(height, before.height),
  });
  return true;
}

/** What is no size is Chrome's to refuse. */
const sideOf = (value: unknown): number => (typeof value === 'number' && value > 0 ? value : 0);
