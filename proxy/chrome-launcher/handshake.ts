import { createHash, randomBytes } from 'node:crypto';
import { connect as connectTcp, type Socket } from 'node:net';

/** Refusals are short; bytes. */
const LONGEST_HEAD = 64 * 1024;
const GUID = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11';

/** What answered in place of a WebSocket. */
export interface Refusal {
  readonly kind: 'refused';
  readonly status: number;
  readonly body: string;
}

/** A connection that is a WebSocket now, and what came behind the answer. */
export interface Upgraded {
  readonly kind: 'upgraded';
  readonly socket: Socket;
  readonly first: Buffer;
}

/** Asks for a WebSocket as RFC 6455 has it; gives what answered, or rejects with the system's error or that of a deadline (ms). */
export async function shakeHands(
  url: URL,
  { headers, deadline }: { readonly headers: Readonly<Record<string, string>>; readonly deadline: number },
): Promise<Upgraded | Refusal> {
  const socket = await connect(url);
  const key = randomBytes(16).toString('base64');
  const lines = [
    `GET ${url.pathname}${url.search} HTTP/1.1`,
    `Host: ${url.host}`,
    'Connection: Upgrade',
    'Upgrade: websocket',
    'Sec-WebSocket-Version: 13',
    `Sec-WebSocket-Key: ${key}`,
    ...Object.entries(headers).map(([name, value]) => `${name}: ${value}`),
  ];
  socket.write(`${lines.join('\r\n')}\r\n\r\n`);
  try {
    const answer = await answerOf(socket, deadline);
    if (answer.status !== 101) {
      socket.destroy();
      return { kind: 'refused', status: answer.status, body: answer.rest.toString() };
    }
    const accept = createHash('sha1').update(`${key}${GUID}`).digest('base64');
    if (isWebSocket(answer.fields, accept)) return { kind: 'upgraded', socket, first: answer.rest };
    socket.destroy();
    return { kind: 'refused', status: 101, body: '' };
  } catch (error) {
    socket.destroy();
    throw error;
  }
}

async function connect(url: URL): Promise<Socket> {
  const isSecure = url.protocol === 'wss:';
  const host = url.hostname.replace(/^\[(.*)\]$/, '$1');
  const port = Number(url.port || (isSecure ? 443 : 80));
  const socket = isSecure
    ? (await import('node:tls')).connect({ host, port, servername: host, ALPNProtocols: ['http/1.1'] })
    : connectTcp({ host, port, noDelay: true });
  // what follows an error is a close, and that is heard of
  socket.on('error', () => undefined);
  return socket;
}

/** Nothing was asked for, so an extension or a protocol would be one that nobody here speaks. */
function isWebSocket(fields: ReadonlyMap<string, string>, accept: string): boolean {
  return (
    fields.get('sec-websocket-accept') === accept &&
    fields.get('upgrade')?.toLowerCase() === 'websocket' &&
    /(^|[ ,])upgrade($|[ ,])/i.test(fields.get('connection') ?? '') &&
    !fields.has('sec-websocket-extensions') &&
    !fields.has('sec-websocket-protocol')
  );
}

interface Answer {
  readonly status: number;
  readonly fields: ReadonlyMap<string, string>;
  /** A whole body, or what followed an upgrade. */
  readonly rest: Buffer;
}

function answerOf(socket: Socket, deadline: number): Promise<Answer> {
  return new Promise((resolve, reject) => {
    let data: Buffer = Buffer.alloc(0);
    const late = setTimeout(() => finish(new Error(`no answer within ${deadline / 1000} s`)), deadline);
    const finish = (error?: Error): void => {
      clearTimeout(late);
      socket.off('data', onData).off('end', onEnd).off('error', finish).off('close', onEnd);
      if (error) reject(error);
      else resolve(read(data));
    };
    const onEnd = (): void => finish(data.length > 0 ? undefined : new Error('it hung up'));
    const onData = (chunk: Buffer): void => {
      data = Buffer.concat([data, chunk]);
      if (data.length > LONGEST_HEAD || isWhole(data)) {
        socket.pause();
        finish();
      }
    };
    socket.on('data', onData).on('end', onEnd).on('error', finish).on('close', onEnd);
  });
}

/** An upgrade ends with its head; a refusal with its body, whose end may be that of the connection. */
function isWhole(data: Buffer): boolean {
  if (!data.includes('\r\n\r\n')) return false;
  const { status, fields, rest } = read(data);
  return status === 101 || rest.length >= Number(fields.get('content-length') ?? Infinity);
}

function read(data: Buffer): Answer {
  const end = data.indexOf('\r\n\r\n');
  const head = data.toString('latin1', 0, end === -1 ? data.length : end);
  const [first = '', ...lines] = head.split('\r\n');
  const fields = new Map<string, string>();
  for (const line of lines) {
    const at = line.indexOf(':');
    if (at > 0) fields.set(line.slice(0, at).toLowerCase(), line.slice(at + 1).trim());
  }
  const status = Number(/^HTTP\/1\.[01] (\d{3})/.exec(first)?.[1] ?? 0);
  return { status, fields, rest: end === -1 ? Buffer.alloc(0) : data.subarray(end + 4) };
}
