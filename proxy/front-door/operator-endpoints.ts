import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Mux } from '../../src/index.js';
import type { Guest } from '../auth/access.js';
import { ConfigError } from '../config.js';
import type { ReloadReport } from '../reload.js';
import { send } from './send.js';

const json = 'application/json; charset=UTF-8';

/** What these endpoints need. */
export interface OperatorOptions {
  readonly mux: Mux;
  /** Reads the configuration anew; rejects with a ConfigError, upon which nothing has changed. */
  readonly reload: () => Promise<ReloadReport>;
}

/** `/api/v1/…`: what those who operate cdpmux ask for; who may ask was looked at before. */
export class OperatorEndpoints {
  readonly #options: OperatorOptions;

  constructor(options: OperatorOptions) {
    this.#options = options;
  }

  /** Answers a request for `/api/v1/…`; false when there is nothing. */
  async handle(
    request: IncomingMessage,
    response: ServerResponse,
    path: string,
    guest: Guest,
  ): Promise<boolean> {
    if (path === '/api/v1/status') this.#status(response, guest);
    else if (path === '/api/v1/reload') await this.#reload(request, response);
    else return false;
    return true;
  }

  /** Everything for an admin, its own figures for anyone else. */
  #status(response: ServerResponse, { admin, tenant, quota }: Guest): void {
    const { mux } = this.#options;
    const own = { tenant: tenant.name, ...quota };
    answer(response, 200, admin ? mux.stats() : { ...own, ...mux.tenantStats(tenant) });
  }

  async #reload(request: IncomingMessage, response: ServerResponse): Promise<void> {
    if (request.method !== 'POST') {
      response.setHeader('allow', 'POST');
      return answer(response, 405, failure('BAD_PARAMETER', 'Reload with POST /api/v1/reload.'));
    }
    try {
      answer(response, 200, await this.#options.reload());
    } catch (error) {
      if (!(error instanceof ConfigError)) throw error;
      answer(response, 422, failure('BAD_CONFIG', error.message, error.problems));
    }
  }
}

function failure(code: string, message: string, problems?: readonly string[]): object {
  return { error: { code, message, ...(problems && { problems }) } };
}

function answer(response: ServerResponse, status: number, body: object): void {
  send(response, status, json, `${JSON.stringify(body)}\n`);
}
