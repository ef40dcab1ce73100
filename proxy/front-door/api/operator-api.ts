import type { IncomingMessage, ServerResponse } from 'node:http';
import { CdpmuxError, type Mux } from '../../../src/index.js';
import type { Access, Guest } from '../../auth/access.js';
import { rightFor } from '../../auth/rights.js';
import { ownVersion } from '../../version.js';
import { refuseMethod } from '../refusal.js';
import { decode, type RequestPath } from '../request-path.js';
import { send } from '../send.js';
import { elsewhere } from './elsewhere.js';
import type { Endpoint, Reply } from './endpoint.js';
import { EventStreams } from './event-stream.js';
import { describeApi } from './openapi.js';
import { orders, type OrderOptions } from './orders.js';
import { readQuery } from './query.js';
import { reads } from './reads.js';

const json = 'application/json; charset=UTF-8';

/** What the operator's endpoints need. */
export interface OperatorOptions extends OrderOptions {
  readonly mux: Mux;
  readonly access: Access;
}

/** `/api/v1/…` and `/openapi.json`: what those who operate cdpmux see and order. */
export class OperatorApi {
  readonly #streams: EventStreams;
  readonly #routes: readonly Route[];
  readonly #description: string;

  constructor(options: OperatorOptions) {
    const { mux, access } = options;
    this.#streams = new EventStreams(mux.feed, access);
    const endpoints = [...reads(mux, this.#streams), ...orders(options)];
    this.#routes = routesOf(endpoints);
    this.#description = `${JSON.stringify(describeApi([...endpoints, ...elsewhere], ownVersion()))}\n`;
  }

  /** Answers a request; false when its path is none of these. Throws a CdpmuxError for what is refused. */
  async handle(
    request: IncomingMessage,
    response: ServerResponse,
    { path, query }: RequestPath,
    guest: Guest,
  ): Promise<boolean> {
    if (path !== '/openapi.json' && !path.startsWith('/api/')) return false;
    response.setHeader('cache-control', 'no-store');
    const method = request.method === 'HEAD' ? 'GET' : (request.method ?? '');
    if (path === '/openapi.json') {
      if (method === 'GET') send(response, 200, json, this.#description);
      else refuseMethod(response, ['GET', 'HEAD']);
      return true;
    }
    const [route, id] = this.#find(path);
    const endpoint = route.endpoints.get(method);
    if (!endpoint) {
      refuseMethod(response, route.allow);
      return true;
    }
    mustHaveRight(guest, method, path);
    const call = { guest, id, query: readQuery(query, endpoint.query), request, response };
    answer(response, await endpoint.handle(call));
    return true;
  }

  /** Ends what would not end by itself: streams of events. */
  close(): void {
    this.#streams.close();
  }

  #find(path: string): [route: Route, id: string] {
    for (const route of this.#routes) {
      const match = route.pattern.exec(path);
      if (match) return [route, decode(match[1] ?? '')];
    }
    throw new CdpmuxError(
      'NOT_FOUND',
      `Nothing is at ${path.slice(0, 200)}; /openapi.json tells what is where.`,
    );
  }
}

/** All that has the same path. */
interface Route {
  readonly pattern: RegExp;
  /** By method. */
  readonly endpoints: ReadonlyMap<string, Endpoint>;
  readonly allow: readonly string[];
}

function routesOf(endpoints: readonly Endpoint[]): Route[] {
  return [...new Set(endpoints.map(({ path }) => path))].map((path) => {
    const its = endpoints.filter((one) => one.path === path);
    const methods = its.map(({ method }) => method);
    return {
      pattern: new RegExp(`^${path.replace('{id}', '([^/]+)')}/?$`),
      endpoints: new Map(its.map((one) => [one.method, one])),
      allow: methods.flatMap((method) => (method === 'GET' ? ['GET', 'HEAD'] : [method])),
    };
  });
}

/** Where no tokens are needed nobody was asked for one, and strangers are no admins all the same. */
function mustHaveRight({ admin }: Guest, method: string, path: string): void {
  if (admin || rightFor(method, path) !== 'admin') return;
  const message =
    'Only an admin may do this, and where strangers need no token (policy.trust=tenant) nobody is one; give one a token with "admin": true in auth.tokens.';
  throw new CdpmuxError('FORBIDDEN', message);
}

function answer(response: ServerResponse, reply: Reply | undefined): void {
  if (!reply) return;
  if (reply.body) send(response, reply.status, json, `${JSON.stringify(reply.body)}\n`);
  else response.writeHead(reply.status).end();
}
