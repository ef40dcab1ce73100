import { timingSafeEqual } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import {
  CdpmuxError,
  everybody,
  type Caller,
  type Mux,
  type Priority,
  type Tenant,
} from '../../src/index.js';
import { digestOf } from '../config/auth.js';
import type { Auth, Mode, Token } from '../config.js';
import { checkHost, checkOrigin, checkSite, type Guarded } from '../front-door/guards.js';
import { splitPath } from '../front-door/request-path.js';
import { readCredentials } from './credentials.js';
import { rightFor, type Right } from './rights.js';

/** Who sends a request, and what it may ask for. */
export interface Guest extends Caller {
  readonly priority: Priority;
  readonly maxPriority: Priority;
  readonly modes: readonly Mode[];
  /** The pools that it may use; any where not given. */
  readonly pools?: readonly string[];
  readonly admin: boolean;
  /** The token where it came in the query, for the URLs that the client is given. */
  readonly queryToken?: string;
  /** The request's path and query without the token. */
  readonly url: string;
}

/** What decides who may come in; all of it can be replaced while cdpmux runs. */
export interface AccessRules extends Guarded {
  readonly auth: Auth;
}

/** What changed with a new list of tokens, by name. */
export interface AuthChanges {
  readonly added: readonly string[];
  /** What they may do, or their secret. */
  readonly changed: readonly string[];
  readonly removed: readonly string[];
}

/** Whose files and network clients may use; by default it depends on whether tokens are needed. */
export type Trust = Tenant['trust'] | undefined;

/** What a page of another site may link to: it opens nothing. */
const HARMLESS = new Set(['/', '/healthz', '/readyz']);

/** How clients of a removed token are closed. */
export const tokenRemoved = { code: 4401, reason: 'the token was removed' } as const;

/** Decides who may come in; the list of tokens can be replaced while it runs. */
export class Access {
  readonly #trust: Trust;
  /** Called after each change of the rules. */
  readonly #watchers = new Set<() => void>();
  #rules: AccessRules;

  constructor(rules: AccessRules, trust: Trust) {
    this.#rules = rules;
    this.#trust = trust;
  }

  get #auth(): Auth {
    return this.#rules.auth;
  }

  /** Whether a token is needed. */
  get required(): boolean {
    return this.#auth.required;
  }

  /** Who asks for an upgrade; throws UNAUTHORIZED or FORBIDDEN. */
  identifyUpgrade(request: IncomingMessage): Guest {
    this.#checkHost(request);
    checkOrigin(request, this.#rules.allowedOrigins);
    return this.#identify(request, 'token');
  }

  /** Who sends a request over HTTP, which reached us as `publicHost`; throws UNAUTHORIZED or FORBIDDEN. */
  identifyRequest(request: IncomingMessage, publicHost: string): Guest {
    this.#checkHost(request);
    const { path } = splitPath(request.url ?? '/');
    if (!HARMLESS.has(path)) checkSite(request, publicHost, this.#rules.allowedOrigins);
    return this.#identify(request, rightFor(request.method ?? 'GET', path));
  }

  /** A web page that has its own name resolve to this machine has no token. */
  #checkHost(request: IncomingMessage): void {
    if (!this.required) checkHost(request, this.#rules.allowedHosts);
  }

  #identify(request: IncomingMessage, right: Right): Guest {
    const { token: given, inQuery, url } = readCredentials(request);
    if (!this.required) {
      const trust = this.#trust ?? 'local';
      // strangers, though they need no token, have no say over others
      return { ...anyone, admin: trust === 'local', tenant: { ...everybody, trust }, url };
    }
    if (right === 'none') return { ...nobody, url };
    const token = given === undefined ? undefined : this.#find(given);
    if (!token) throw unauthorized(given !== undefined);
    if (right === 'admin' && !token.admin) {
      const message = `The token ${token.name} has no admin right, which this needs; whoever runs cdpmux gives it with "admin": true in auth.tokens.`;
      throw new CdpmuxError('FORBIDDEN', message);
    }
    return { ...guestOf(token, this.#trust ?? 'tenant'), url, ...(inQuery && { queryToken: given ?? '' }) };
  }

  /** Whether a tenant has a say over all others, as the rules are now. */
  isAdmin(tenant: Tenant): boolean {
    if (!this.required) return (this.#trust ?? 'local') === 'local';
    return this.#auth.tokens.some(({ name, admin }) => admin && name === tenant.name);
  }

  /** Calls the listener after each change of the rules; the function it gives stops that. */
  watch(listener: () => void): () => void {
    this.#watchers.add(listener);
    return () => void this.#watchers.delete(listener);
  }

  /** Whether a tenant may still come in: its token may have been removed while it waited. */
  knows(tenant: Tenant): boolean {
    return !this.required || this.#auth.tokens.some(({ name }) => name === tenant.name);
  }

  /**
   * Replaces the rules. Once tokens were needed they go on being needed, also with an empty list: a file
   * that is empty by mistake must not open the door.
   */
  replace({ auth, allowedHosts, allowedOrigins }: AccessRules): AuthChanges {
    const before = new Map(this.#auth.tokens.map((token) => [token.name, token]));
    const after = new Map(auth.tokens.map((token) => [token.name, token]));
    const kept = [...after.keys()].filter((name) => before.has(name));
    const isSame = (name: string): boolean => plain(before.get(name)) === plain(after.get(name));
    const required = auth.required || this.required;
    this.#rules = { allowedHosts, allowedOrigins, auth: { ...auth, required } };
    for (const listener of [...this.#watchers]) listener();
    return {
      added: [...after.keys()].filter((name) => !before.has(name)),
      changed: kept.filter((name) => !isSame(name)),
      removed: [...before.keys()].filter((name) => !after.has(name)),
    };
  }

  /** Looks at all of them, whichever fits: the time it takes tells nothing. */
  #find(given: string): Token | undefined {
    const digest = digestOf(given);
    let found: Token | undefined;
    for (const token of this.#auth.tokens) if (timingSafeEqual(token.digest, digest)) found = token;
    return found;
  }
}

const all = { priority: 'normal', maxPriority: 'critical', modes: ['shared', 'exclusive'] } as const;
const anyone = { ...all, admin: true };
/** Who asks only whether cdpmux lives. */
const nobody = { ...all, tenant: Object.freeze({ name: '', trust: 'tenant' as const }), admin: false };

function guestOf(token: Token, trust: Tenant['trust']): Omit<Guest, 'url'> {
  const { name, maxVirtual, maxQueued, priority, maxPriority, modes, pools, weight, admin } = token;
  const quota = {
    ...(maxVirtual !== undefined && { maxVirtual }),
    ...(maxQueued !== undefined && { maxQueued }),
  };
  const rights = { modes, ...(pools && { pools }), admin };
  return { tenant: { name, trust }, quota, weight, priority, maxPriority, ...rights };
}

/** Ends what a tenant got after its token had been removed, and throws UNAUTHORIZED. */
export function turnAway(mux: Mux, { name }: Tenant): never {
  mux.endTenant(name, tokenRemoved);
  throw new CdpmuxError('UNAUTHORIZED', `The token ${name} was removed.`);
}

function unauthorized(isWrong: boolean): CdpmuxError {
  const what = isWrong
    ? 'This token is none of those that cdpmux knows'
    : 'cdpmux lets in only who has a token';
  const message = `${what}; give one as "Authorization: Bearer <token>", "x-cdpmux-token: <token>", or ?token=<token>.`;
  return new CdpmuxError('UNAUTHORIZED', message);
}

function plain(token: Token | undefined): string {
  return JSON.stringify(token && { ...token, digest: token.digest.toString('hex') });
}
