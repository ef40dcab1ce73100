import { CdpCode } from '../cdp/errors.js';
import { levels, scope, type CommandEntry, type Entry } from './catalogue-entry.js';
import type { ClientSession } from './client-session.js';
import { objectParams, type Rule, type Unchecked } from './rule.js';
import { deadlyUrl } from './rules-fatal.js';
import { notFound, notFoundUnless } from './rules-refused.js';
import { asChromeReads, type UrlPolicy } from './url-policy.js';
import type { Incoming } from './client-command.js';
import type { VirtualBrowser } from './virtual-browser.js';

/** Passes a command on. */
export const pass: Rule = (session, incoming) => session.client.forward(session, incoming);

/** Why a command's parameters are refused to a tenant; undefined where they are not. */
export type Objection = (params: Unchecked, urls: UrlPolicy) => string | undefined;

/** Puts a check of what a tenant asks for before another rule; whoever has Chrome's own trust pays nothing for it. */
export function forTenants(objection: Objection, then: Rule = pass): Rule {
  return (session, incoming) => {
    const { policy } = session.client.virtual;
    const why = policy && objection(objectParams(incoming), policy.urls);
    if (why === undefined) then(session, incoming);
    else refuseTenant(session, incoming, why);
  };
}

/** Answers a client's command with the reason why it may not. */
export function refuseTenant(session: ClientSession, { scan }: Incoming, why: string): void {
  session.client.refuse(session, scan.id, { code: CdpCode.server, message: `'${scan.method}': ${why}` });
}

/** The parameter `url` names what is loaded. */
const url: Objection = (params, urls) => {
  const value = params['url'];
  // Anything else is Chrome's to refuse.
  return typeof value === 'string' ? urls.refusalOf(value) : undefined;
};

/** A response that the client makes up may redirect. */
const redirect: Objection = ({ responseHeaders, binaryResponseHeaders }, urls) => {
  for (const target of [...locations(responseHeaders), ...binaryLocations(binaryResponseHeaders)]) {
    const why = urls.refusalOf(target);
    if (why !== undefined) return why;
  }
  return undefined;
};

function* locations(headers: unknown): Generator<string> {
  if (!Array.isArray(headers)) return;
  for (const header of headers as readonly unknown[]) {
    if (typeof header !== 'object' || header === null) continue;
    const { name, value } = header as Unchecked;
    if (typeof name !== 'string' || typeof value !== 'string') continue;
    // A value with line ends in it could be more headers than one.
    yield* locationLines(`${name}:${value}`);
  }
}

/** `name: value` pairs, parted by bytes 0, in base64. */
function* binaryLocations(headers: unknown): Generator<string> {
  if (typeof headers === 'string') yield* locationLines(Buffer.from(headers, 'base64').toString('latin1'));
}

function* locationLines(text: string): Generator<string> {
  for (const line of text.split(/[\0\r\n]+/)) {
    const target = /^\s*location\s*:(.*)$/i.exec(line)?.[1];
    // Without a scheme it is relative, to a URL that was checked when it was asked for.
    if (target !== undefined && /^[^/?#]*:/.test(asChromeReads(target))) yield target;
  }
}

const loads = 'for strangers only URLs of allowed schemes';

/** Why nobody here may open a URL: it is about a whole Chrome, which is shared, or not a stranger's to see. */
export function refusalOfUrl({ policy, host }: VirtualBrowser, value: string): string | undefined {
  return policy?.urls.refusalOf(value) ?? (host.exclusive ? undefined : deadlyUrl(value));
}

function opening(then: Rule): Rule {
  return (session, incoming) => {
    const value = objectParams(incoming)['url'];
    // anything else is Chrome's to refuse
    const why = typeof value === 'string' ? refusalOfUrl(session.client.virtual, value) : undefined;
    if (why === undefined) then(session, incoming);
    else refuseTenant(session, incoming, why);
  };
}

/** What goes to a URL, or loads it for the client. */
export const loadsUrl: CommandEntry = levels(notFound, scope(`url: ${loads}`, opening(pass)));

/** A page that is opened, once it may be. */
export function createsTarget(rule: Rule): Rule {
  return opening(rule);
}

/** At the root, too, where the Chrome's requests are all one's own. */
const ofRequest = (entry: Entry): CommandEntry => levels(notFoundUnless({ stranger: entry }), entry);
const redirects = ofRequest(scope(`redirects: ${loads}`, forTenants(redirect)));

/** Requests that the client sends elsewhere, or answers itself. */
export const fetchUrls: Record<string, CommandEntry> = {
  continueRequest: ofRequest(scope(`url: ${loads}`, forTenants(url))),
  continueResponse: redirects,
  fulfillRequest: redirects,
};
