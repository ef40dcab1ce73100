import { at, Random } from '../chaos/random.js';
import type { Work } from './works.js';

/** How often each is done beside the others. */
const shares: Readonly<Record<Work, number>> = {
  'visit by Puppeteer': 8,
  'visit by Playwright': 8,
  'visit by raw CDP': 8,
  'PDF by Puppeteer': 4,
  'PDF by Playwright': 4,
  'download by Puppeteer': 4,
  'download by Playwright': 3,
  'come back': 4,
  'batch by raw CDP': 4,
  leak: 1,
};

const all = (Object.keys(shares) as Work[]).flatMap((work) => Array<Work>(shares[work]).fill(work));

/** What a unit does: by its number alone, without an order. */
export function workOf(unit: number): Work {
  return at(all, new Random(unit).next())!;
}
