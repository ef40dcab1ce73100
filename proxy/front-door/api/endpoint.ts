import type { IncomingMessage, ServerResponse } from 'node:http';
import type { z } from 'zod';
import type { Guest } from '../../auth/access.js';
import type { Query, QueryParameters } from './query.js';

/** What an endpoint may answer, for its description. */
export interface Outcome {
  readonly description: string;
  /** Of a JSON body; none where there is no body or it is no JSON. */
  readonly schema?: z.ZodType;
  /** Of a body that is no JSON. */
  readonly type?: string;
}

/** One operation as `/openapi.json` tells of it. */
export interface Description {
  readonly method: 'GET' | 'POST' | 'PUT' | 'DELETE';
  /** With `{id}` where an id goes. */
  readonly path: string;
  /** Its `operationId`. */
  readonly name: string;
  readonly summary: string;
  readonly query?: QueryParameters;
  readonly outcomes: Readonly<Record<number, Outcome>>;
}

/** One request to an endpoint, of somebody who has the right to it. */
export interface Call {
  readonly guest: Guest;
  /** What stands for `{id}` in the path; '' where there is none. */
  readonly id: string;
  readonly query: Query;
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
}

/** The answer to a call. */
export interface Reply {
  readonly status: number;
  /** Sent as JSON. */
  readonly body?: object;
}

/** An endpoint that is described and answered in one place; undefined when it has answered by itself. */
export interface Endpoint extends Description {
  handle(call: Call): Reply | undefined | Promise<Reply>;
}
