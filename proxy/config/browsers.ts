import { z } from 'zod';
import { choice, chromeFlags, duration, integer, share, text, urls } from './leaf.js';

const DAY = 24 * 60 * 60 * 1000;

/** What browsers are and how many, with ranges and without defaults: the same for all pools. */
export const browserLeaves = {
  min: integer(0, 1000),
  max: integer(0, 1000),
  kind: choice('auto', 'shell', 'chrome'),
  virtualPerBrowser: integer(1, 1000),
  upstreams: urls('http:', 'https:', 'ws:', 'wss:'),
  flags: chromeFlags(),
  maxUses: integer(1, 1_000_000_000),
  maxAge: duration(1_000, 7 * DAY, '1s to 168h'),
  idleTimeout: duration(100, DAY, '100ms to 24h'),
  freeShare: share(),
  drainTimeout: duration(0, DAY, '0 to 24h'),
};

/** The executable of launched ones. */
export const chromePath = () => text('a path, a name on PATH, or embedded');

/** A named pool as it is given: what it leaves out is as in the pool without a name. */
export const poolSchema = z.strictObject({
  chrome: chromePath().optional(),
  browsers: z.strictObject(browserLeaves).partial(),
});
