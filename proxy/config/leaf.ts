import { isIP } from 'node:net';
import { isAbsolute } from 'node:path';
import { z } from 'zod';
import { parseEntry } from '../egress/entry.js';

/** What a leaf of the configuration allows, in words: goes into error messages and the documentation. */
export interface Allowed {
  readonly allowed: string;
}

/** Attaches the words; a leaf without them could not explain itself. */
function leaf<T extends z.ZodType>(schema: T, allowed: string): T {
  return schema.meta({ allowed });
}

/** Environment and flags give text; the file gives what it is. */
const numeric = z.union([
  z.number(),
  z
    .string()
    .regex(/^-?\d+$/)
    .transform(Number),
]);

/** A whole number, both ends included. */
export function integer(min: number, max: number, note = '') {
  return leaf(numeric.pipe(z.int().min(min).max(max)), `whole number, ${min} to ${max}${note}`);
}

/** A share of a whole, such as 0.1. */
export function share() {
  const number = z.union([
    z.number(),
    z
      .string()
      .regex(/^\d*\.?\d+$/)
      .transform(Number),
  ]);
  return leaf(number.pipe(z.number().min(0).max(1)), 'number, 0 to 1');
}

/** How many per second at most: a whole number, 0 for no limit, or `auto`. */
export function perSecond(max: number) {
  const number = numeric.pipe(z.int().min(0).max(max));
  return leaf(z.union([z.literal('auto'), number]), `auto, or a whole number, 0 (no limit) to ${max}`);
}

/** A limit in MB: a whole number, 0 for no limit, or `auto`. */
export function megabytes() {
  const number = numeric.pipe(z.int().min(0).max(1_000_000));
  return leaf(z.union([z.literal('auto'), number]), 'auto, or a whole number, 0 (no limit) to 1000000');
}

const UNITS: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000 };

/** Milliseconds of `1500`, `'1500'`, `'30s'`, `'1.5m'`; undefined for anything else. */
export function parseDuration(value: string | number): number | undefined {
  if (typeof value === 'number') return value;
  const match = /^(\d+(?:\.\d+)?)(ms|s|m|h)?$/.exec(value.trim());
  const unit = UNITS[match?.[2] ?? 'ms'];
  return match?.[1] === undefined || unit === undefined ? undefined : Number(match[1]) * unit;
}

/** A time in ms, or as text with a unit. */
export function duration(min: number, max: number, words: string) {
  const schema = z
    .union([z.number(), z.string()])
    .transform((value) => parseDuration(value) ?? Number.NaN)
    .pipe(z.int().min(min).max(max));
  return leaf(schema, `${words}; ms, or text such as 500ms, 30s, 5m, 1h`);
}

/** The same, or `none`. */
export function durationOrNone(min: number, max: number, words: string) {
  const { allowed } = duration(min, max, words).meta() as unknown as Allowed;
  return leaf(z.union([z.literal('none'), duration(min, max, words)]), `none, or ${allowed}`);
}

const SIZES: Readonly<Record<string, number>> = { KiB: 1024, MiB: 1024 ** 2, GiB: 1024 ** 3 };

function parseSize(value: string | number): number {
  if (typeof value === 'number') return value;
  const match = /^(\d+)\s*(KiB|MiB|GiB)?$/.exec(value.trim());
  return match ? Number(match[1]) * (SIZES[match[2] ?? ''] ?? 1) : Number.NaN;
}

/** A number of bytes, or as text with a unit. */
export function bytes(min: number, max: number) {
  const schema = z.union([z.number(), z.string()]).transform(parseSize).pipe(z.int().min(min).max(max));
  return leaf(schema, `${min} to ${max}; bytes, or text such as 512KiB, 64MiB`);
}

/** One of some words. */
export function choice<const T extends string>(...words: T[]) {
  return leaf(z.enum(words), `one of ${words.join(', ')}`);
}

/** true or false. */
export function flag() {
  const schema = z.union([z.boolean(), z.enum(['true', 'false']).transform((text) => text === 'true')]);
  return leaf(schema, 'true or false');
}

/** Any text that is not empty. */
export function text(allowed: string) {
  return leaf(z.string().trim().min(1), allowed);
}

/** An address or a name to listen on. */
export function host() {
  const isHost = (value: string): boolean =>
    isIP(value) !== 0 || /^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$/i.test(value);
  return leaf(z.string().refine(isHost), 'an IP address or a host name');
}

/** An IP address that others can be told. */
export function ipAddress() {
  return leaf(
    z.string().refine((value) => isIP(value) !== 0 && !/^[0:.]*$/.test(value)),
    'an IP address, and not that of all interfaces',
  );
}

/** A URL with one of these protocols. */
export function url(...protocols: string[]) {
  return leaf(isUrl(protocols), `a URL that begins with ${protocols.map((one) => `${one}//`).join(', ')}`);
}

/** Some URLs; as text they are parted by commas. */
export function urls(...protocols: string[]) {
  const begins = protocols.map((one) => `${one}//`).join(', ');
  return leaf(list(isUrl(protocols)), `list of URLs that begin with ${begins}`);
}

/** Some host names without port; as text they are parted by commas. */
export function hostNames() {
  const name = z.string().regex(/^[a-z0-9]([a-z0-9._-]*[a-z0-9])?$/i);
  return leaf(list(name), 'list of host names without port');
}

/** Some origins as browsers send them, or `*` for all; as text they are parted by commas. */
export function origins() {
  const origin = z.string().regex(/^(\*|null|[a-z][a-z0-9+.-]*:\/\/[^/\s,*]+)$/i);
  return leaf(list(origin), 'list of origins such as https://tools.example:8443, or *');
}

/** Some hosts, as an egress list names them; as text they are parted by commas. */
export function hostsAndNetworks() {
  const entry = z.string().refine((value) => parseEntry(value) !== undefined);
  return leaf(
    list(entry),
    'list of host names (*.example.com for all below it, * for every host), IP addresses and CIDRs',
  );
}

/** Some schemes of URLs, without the colon; as text they are parted by commas. */
export function schemes() {
  const scheme = z.string().regex(/^[a-z][a-z0-9+.-]*$/i);
  return leaf(list(scheme), 'list of URL schemes without the colon, such as https');
}

/** Chrome's flags that cdpmux sets itself: another value would cut it off from its Chromes, or leave their files behind. */
const OWN_FLAGS = /^--(remote-debugging-\w+|user-data-dir|headless|no-startup-window)(=|$)/;

/** Some flags of Chrome's command line; as text they are parted by spaces. */
export function chromeFlags() {
  const one = z
    .string()
    .regex(/^--[a-z0-9][a-z0-9-]*(=.*)?$/is)
    .refine((value) => !OWN_FLAGS.test(value));
  const split = (value: string): string[] => value.split(/\s+/).filter((part) => part !== '');
  return leaf(
    z.union([z.array(z.string()), z.string().transform(split)]).pipe(z.array(one)),
    'list of Chrome flags, each beginning with --, and none of those that cdpmux sets: --remote-debugging-…, --user-data-dir, --headless, --no-startup-window',
  );
}

/** An absolute path of a directory. */
export function directory() {
  return leaf(z.string().refine(isAbsolute), 'an absolute path of a directory');
}

/** Some directories; as text they are parted by commas. */
export function directories() {
  return leaf(list(z.string().refine(isAbsolute)), 'list of absolute paths of directories');
}

function isUrl(protocols: readonly string[]) {
  return z.string().refine((value) => URL.canParse(value) && protocols.includes(new URL(value).protocol));
}

function list<T extends z.ZodType<unknown, string>>(item: T) {
  const split = (value: string): string[] =>
    value
      .split(',')
      .map((part) => part.trim())
      .filter((part) => part !== '');
  return z.union([z.array(z.string()), z.string().transform(split)]).pipe(z.array(item));
}
