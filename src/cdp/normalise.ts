import { CONTAINER_START, ChromeJsonError, parseChromeJson } from './chrome-json.js';
import type { ChromeValue } from './chrome-json.js';
import { CdpCode } from './errors.js';
import { isAscii } from './json-bytes.js';

/** A frame that `CommandScanner` takes, or what Chrome answers to one that it does not take. */
export type Normalised = { readonly frame: Buffer } | { readonly reply: Buffer };

const messages = {
  object: 'Message must be an object',
  id: "Message must have integer 'id' property",
  method: "Message must have string 'method' property",
  params: "Message may have object 'params' property",
  sessionId: "Message may have string 'sessionId' property",
  unknown: "Message has property other than 'id', 'method', 'sessionId', 'params'",
} as const;

/**
 * Decides on a frame that `CommandScanner` is not sure of: the same command in plain JSON, or the very bytes that
 * Chrome answers, which never name a session. A frame with a byte 0 is always refused: on a pipe it is two messages.
 */
export function normalise(frame: Buffer): Normalised {
  const nul = frame.indexOf(0);
  if (nul !== -1) return refuse(undefined, CdpCode.parse, `JSON: invalid token at position ${nul}`);
  const value = parseChromeJson(frame);
  if (value instanceof ChromeJsonError) return refuse(undefined, CdpCode.parse, value.message);
  if (value.type !== 'object') return refuse(undefined, CdpCode.invalidRequest, messages.object);
  return new Reader().read(value);
}

/**
 * Reads the members in their order, as Chrome does: it stops at the first fault, so the answer has the id only if that
 * came before. What is empty counts as missing, hence an empty method or session id may come twice; `null` params,
 * which count as missing too, may not.
 */
class Reader {
  #id: string | undefined = undefined;
  #method = '';
  #sessionId = '';
  #params: string | undefined = undefined;
  #hasParams = false;

  read({ members }: ChromeValue): Normalised {
    let position = CONTAINER_START;
    for (const { key, value } of members) {
      const refusal = this.#member(key, value, position);
      if (refusal !== undefined) return refusal;
      position += key.size + value.size;
    }
    if (this.#id === undefined) return this.#invalid(messages.id);
    if (this.#method === '') return this.#invalid(messages.method);
    const session = this.#sessionId === '' ? '' : `,"sessionId":${JSON.stringify(this.#sessionId)}`;
    const params = this.#params === undefined ? '' : `,"params":${this.#params}`;
    const method = JSON.stringify(this.#method);
    return { frame: Buffer.from(`{"id":${this.#id},"method":${method}${params}${session}}`) };
  }

  #member(key: ChromeValue, value: ChromeValue, position: number): Normalised | undefined {
    // Chrome's keys are ASCII or no keys: the same for method and session id, which are then no strings to it
    if (!isAscii(key.string)) return this.#parseError('invalid map key', position);
    switch (key.string) {
      case 'id':
        if (this.#id !== undefined) return this.#duplicate(position);
        if (value.type !== 'int32') return this.#invalid(messages.id);
        // `| 0` makes 0 of -0, as Chrome does
        this.#id = String(Number(value.text) | 0);
        return undefined;
      case 'method':
        if (this.#method !== '') return this.#duplicate(position);
        if (value.type !== 'string' || !isAscii(value.string)) return this.#invalid(messages.method);
        this.#method = value.string;
        return undefined;
      case 'params':
        if (this.#hasParams) return this.#duplicate(position);
        this.#hasParams = true;
        if (value.type === 'null') return undefined;
        // arrays pass, and a method that reads parameters refuses them with -32602
        if (value.type !== 'object' && value.type !== 'array') return this.#invalid(messages.params);
        this.#params = value.text;
        return undefined;
      case 'sessionId':
        if (this.#sessionId !== '') return this.#duplicate(position);
        if (value.type !== 'string' || !isAscii(value.string)) return this.#invalid(messages.sessionId);
        this.#sessionId = value.string;
        return undefined;
      default:
        return this.#invalid(messages.unknown);
    }
  }

  #invalid(message: string): Normalised {
    return refuse(this.#id, CdpCode.invalidRequest, message);
  }

  #duplicate(position: number): Normalised {
    return this.#parseError('duplicate map key', position);
  }

  #parseError(what: string, position: number): Normalised {
    return refuse(this.#id, CdpCode.parse, `CBOR: ${what} at position ${position}`);
  }
}

function refuse(id: string | undefined, code: number, message: string): Normalised {
  const head = id === undefined ? '' : `"id":${id},`;
  return { reply: Buffer.from(`{${head}"error":${JSON.stringify({ code, message })}}`) };
}
