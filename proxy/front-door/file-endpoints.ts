import type { IncomingMessage, ServerResponse } from 'node:http';
import { PassThrough } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { CdpmuxError, type BrowserFiles, type Mux, type Tenant } from '../../src/index.js';
import { refuseMethod } from './refusal.js';
import { decode } from './request-path.js';

/** An upload that says nothing for this long is given up, ms. */
const SILENCE = 30_000;

/**
 * `/api/v1/virtual-browsers/<id>/files`: what a virtual browser's pages are given and what they downloaded, listed,
 * fetched, put and deleted. Contents are streamed, none is ever held as a whole.
 */
export class FileEndpoints {
  readonly #mux: Mux;

  constructor(mux: Mux) {
    this.#mux = mux;
  }

  /** Answers a request on behalf of `tenant`; false when its path is none of these. */
  async handle(
    request: IncomingMessage,
    response: ServerResponse,
    path: string,
    tenant: Tenant,
  ): Promise<boolean> {
    const match = /^\/api\/v1\/virtual-browsers\/([^/]+)\/files(?:\/([^/]*))?$/.exec(path);
    if (!match) return false;
    // A page in some browser can send this, though not read the answer.
    if (request.headers.origin !== undefined) {
      throw new CdpmuxError('FORBIDDEN', 'Web pages may not handle the files of virtual browsers.');
    }
    const files = await this.#mux.files(decode(match[1] ?? ''), tenant);
    const name = match[2];
    await (name === undefined || name === ''
      ? this.#all(request, response, files)
      : this.#one(request, response, files, decode(name)));
    return true;
  }

  #all({ method }: IncomingMessage, response: ServerResponse, files: BrowserFiles): void {
    if (method === 'GET' || method === 'HEAD') json(response, 200, files.list());
    else refuseMethod(response, ['GET', 'HEAD']);
  }

  async #one(
    request: IncomingMessage,
    response: ServerResponse,
    files: BrowserFiles,
    name: string,
  ): Promise<void> {
    switch (request.method) {
      case 'GET':
      case 'HEAD':
        return sendFile(response, files, name);
      case 'PUT':
        return takeFile(request, response, files, name);
      case 'DELETE':
        if (await files.remove(name)) response.writeHead(204).end();
        else throw new CdpmuxError('NOT_FOUND', `No file has the name ${JSON.stringify(name)}.`);
        return;
      default:
        refuseMethod(response, ['GET', 'HEAD', 'PUT', 'DELETE']);
    }
  }
}

async function sendFile(response: ServerResponse, files: BrowserFiles, name: string): Promise<void> {
  const { name: known, size, stream } = await files.read(name);
  response.writeHead(200, {
    'content-type': 'application/octet-stream',
    'content-length': size,
    // it comes from any site: never to be shown as a page of this address
    'content-disposition': `attachment; filename*=UTF-8''${encodeURIComponent(known)}`,
    'x-content-type-options': 'nosniff',
  });
  // Who asked may go away meanwhile.
  await pipeline(stream, response).catch(() => response.destroy());
}

async function takeFile(
  request: IncomingMessage,
  response: ServerResponse,
  files: BrowserFiles,
  name: string,
): Promise<void> {
  // The request itself must outlive a refusal, or there would be nobody to tell.
  const content = new PassThrough();
  // Who reads it is told; here nobody may, as yet.
  content.on('error', () => undefined);
  const gone = (): void => {
    if (!request.complete) content.destroy(new CdpmuxError('ABORTED', 'The upload stopped halfway.'));
  };
  const silent = (): void => void request.destroy();
  request.once('close', gone).setTimeout(SILENCE, silent);
  try {
    const announced = Number(request.headers['content-length'] ?? 0);
    json(response, 201, await files.write(name, request.pipe(content), announced));
  } catch (error) {
    content.destroy();
    // What was not read would be taken for the next request.
    response.setHeader('connection', 'close');
    throw error;
  } finally {
    request.off('close', gone).off('timeout', silent).setTimeout(0);
  }
}

function json(response: ServerResponse, status: number, value: unknown): void {
  const body = `${JSON.stringify(value)}\n`;
  const headers = {
    'content-type': 'application/json; charset=UTF-8',
    'content-length': Buffer.byteLength(body),
  };
  response.writeHead(status, headers).end(body);
}
