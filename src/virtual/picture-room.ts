import type { VirtualBrowser } from './virtual-browser.js';

/** Pixels of 4 bytes in the largest picture that Chrome can hold, 2 GiB. */
export const MOST_PIXELS = 2 ** 29;

/** Of what a page shows, px: as long as Chrome's own pictures of whole pages may be. */
export const LONGEST_VIEW = 128 * 1024;

/** Of a view that no client has sized, px: it is as large as a screen. */
const SCREEN = 4_096;

/** The most that any page of a virtual browser has been, or was to be. */
interface Room {
  /** Of a page, px². */
  area: number;
  /** Device pixels by CSS pixels, where a page is to be as large as it is. */
  factor: number;
  /** Of a page, px. */
  side: number;
  /** Device pixels by one CSS pixel of the other side, where that is to stay as it is. */
  strip: number;
}

/**
 * For a picture Chrome takes a page's size and its scale, each from the last session that set it, which may have gone, or failed, or be
 * about to: so what counts is the most that there ever was of both.
 */
const rooms = new WeakMap<VirtualBrowser, Room>();

/** Whether a picture still fits when pages become so large, or are drawn so finely; if so, that is remembered. */
export function fits(virtual: VirtualBrowser, more: Partial<Room>): boolean {
  const before = rooms.get(virtual) ?? { area: SCREEN ** 2, factor: 1, side: SCREEN, strip: 1 };
  const most = (of: keyof Room): number => Math.max(before[of], more[of] ?? 0);
  const room = { area: most('area'), factor: most('factor'), side: most('side'), strip: most('strip') };
  // not by what is too much: of nothing at an endless scale there is no number, and it is never more
  const isRoom = room.area * room.factor ** 2 <= MOST_PIXELS && room.side * room.strip <= MOST_PIXELS;
  if (!isRoom) return false;
  rooms.set(virtual, room);
  return true;
}
