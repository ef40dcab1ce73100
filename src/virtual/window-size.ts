import { objectParams, type Rule, type Unchecked } from './rule.js';
import { notAvailable } from './rules-refused.js';
import type { VirtualBrowser } from './virtual-browser.js';

/** Of a window, px: full Chrome dies of one a million wide. */
const LONGEST_SIDE = 32_768;
/** Of a window, px²: full Chrome needs seconds for each picture of one four times as large, and everybody waits. */
const LARGEST_AREA = 2 ** 26;

/** Of windows whose size nobody asked for, px: they are as large as screens. */
const SCREEN_SIDE = 4_096;

/** Longest side of a window that a client has asked for, px; a page by itself makes none that is larger than its screen. */
const asked = new WeakMap<VirtualBrowser, number>();

const tooLarge = notAvailable(
  `windows are at most ${LONGEST_SIDE} px wide and high, and ${LARGEST_AREA} px² large: Chrome dies of far larger ones.`,
);

/** Refuses windows of which Chrome dies; `sizeOf` finds a window's size in the parameters. */
export function inWindowSize(sizeOf: (params: Unchecked) => unknown, rule: Rule): Rule {
  return (session, incoming) => {
    const { virtual } = session.client;
    const { width, height } = Object(sizeOf(objectParams(incoming))) as Unchecked;
    const [w, h] = [sideOf(width), sideOf(height)];
    const side = Math.max(w, h);
    const isTooLarge = side > LONGEST_SIDE || w * h > LARGEST_AREA;
    // who has a Chrome for itself may lose it
    if (isTooLarge && !virtual.host.exclusive) tooLarge(session, incoming);
    else {
      if (side > largestWindow(virtual).side) asked.set(virtual, side);
      rule(session, incoming);
    }
  };
}

/** What no window of a virtual browser exceeds: its sides, px, and its area, px². */
export function largestWindow(virtual: VirtualBrowser): { readonly side: number; readonly area: number } {
  const { width = 0, height = 0 } = virtual.looks?.windowSize ?? {};
  const side = Math.max(SCREEN_SIDE, width, height, asked.get(virtual) ?? 0);
  return { side, area: Math.min(side ** 2, LARGEST_AREA) };
}

/** What is no number is Chrome's to refuse. */
const sideOf = (value: unknown): number => (typeof value === 'number' ? value : 0);
