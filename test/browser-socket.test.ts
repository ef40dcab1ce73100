import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type AddressInfo, type Socket } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { BrowserSocket } from '../proxy/chrome-launcher/browser-socket.js';
import { eventually } from './support/eventually.js';

/** What came of one connection. */
interface Seen {
  readonly texts: string[];
  closed: [number, string] | undefined;
}

const GUID = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11';
const server = createServer({ allowHalfOpen: true });
let peer: Socket;
/** What the client sent after its request. */
let sent: Buffer;
let client: BrowserSocket;
let seen: Seen;
/** How the server answers. */
let answer: (key: string) => string;

const accept = (key: string): string =>
  `HTTP/1.1 101 Switching Protocols\r\nUpgrade: WebSocket\r\nConnection: keep-alive, Upgrade\r\nSec-WebSocket-Accept: ${createHash(
    'sha1',
  )
    .update(key + GUID)
    .digest('base64')}\r\n\r\n`;

const frame = (first: number, payload: Buffer | string = '', second = 0): Buffer => {
  const data = Buffer.from(payload);
  const header = Buffer.alloc(data.length < 126 ? 2 : data.length < 65_536 ? 4 : 10);
  header[0] = first;
  header[1] = second | (header.length === 2 ? data.length : header.length === 4 ? 126 : 127);
  if (header.length === 4) header.writeUInt16BE(data.length, 2);
  if (header.length === 10) header.writeBigUInt64BE(BigInt(data.length), 2);
  return Buffer.concat([header, data]);
};
const closing = (code: number, reason = ''): Buffer =>
  frame(0x88, Buffer.concat([Buffer.from([code >> 8, code & 0xff]), Buffer.from(reason)]));
const within = { within: 10_000 };

async function open(): ReturnType<typeof BrowserSocket.open> {
  const { port } = server.address() as AddressInfo;
  return BrowserSocket.open(new URL(`ws://127.0.0.1:${port}/`), { headers: {}, deadline: 20_000 });
}

beforeEach(async () => {
  answer = accept;
  sent = Buffer.alloc(0);
  server.removeAllListeners('connection');
  server.on('connection', (socket) => {
    peer = socket;
    socket.once('data', (request) => {
      socket.write(answer(/sec-websocket-key: (\S+)/i.exec(request.toString())?.[1] ?? ''));
      socket.on('data', (chunk) => (sent = Buffer.concat([sent, chunk])));
    });
    socket.on('end', () => socket.end());
    socket.on('error', () => undefined);
  });
  if (!server.listening) await once(server.listen(0, '127.0.0.1'), 'listening');
});

afterEach(async () => {
  peer.destroy();
  server.close();
  await once(server, 'close');
});

async function connect(): Promise<void> {
  const opened = await open();
  if (!(opened instanceof BrowserSocket)) throw new Error(`refused: ${opened.status}`);
  client = opened;
  seen = { texts: [], closed: undefined };
  let text = '';
  client.onText = (part, isLast) => {
    text += part.toString();
    if (!isLast) return;
    seen.texts.push(text);
    text = '';
  };
  client.onClose = (code, reason) => (seen.closed = [code, reason]);
}

describe('the WebSocket of cdpmux-chrome', () => {
  it('puts messages together whatever the pieces', async () => {
    await connect();
    const long = 'x'.repeat(70_000);
    const all = Buffer.concat([
      frame(0x01, 'one '),
      frame(0x89, 'between'),
      frame(0x00, ''),
      frame(0x80, 'message'),
      frame(0x81, ''),
      frame(0x81, 'y'.repeat(200)),
      frame(0x8a, 'a pong that nobody asked for'),
      frame(0x81, long),
    ]);
    peer.setNoDelay(true);
    for (const byte of all.subarray(0, 300)) peer.write(Buffer.from([byte]));
    peer.write(all.subarray(300));
    await eventually(() => seen.texts.length === 4, within);
    expect(seen.texts).toEqual(['one message', '', 'y'.repeat(200), long]);
    await eventually(() => sent.length >= 13, within);
    // the pong, masked with zeros
    expect(sent).toEqual(Buffer.concat([Buffer.from([0x8a, 0x87, 0, 0, 0, 0]), Buffer.from('between')]));
  });

  it('hands on a long message as it comes', async () => {
    await connect();
    const parts: number[] = [];
    client.onText = (part) => parts.push(part.length);
    const header = Buffer.alloc(10);
    header.writeUInt16BE(0x817f);
    header.writeBigUInt64BE(2n ** 50n, 2);
    peer.write(Buffer.concat([header, Buffer.from('begin')]));
    await eventually(() => parts.length > 0, within);
    expect(parts).toEqual([5]);
    peer.destroy();
    await eventually(() => seen.closed !== undefined, within);
    expect(seen.closed?.[0]).toBe(1006);
  });

  it.each([
    ['a reserved bit', frame(0xc1, 'x'), 1002],
    ['a mask', Buffer.from([0x81, 0x81, 1, 2, 3, 4, 0x20]), 1002],
    ['a binary message', frame(0x82, 'x'), 1003],
    ['an unknown opcode', frame(0x83, 'x'), 1002],
    ['an unknown control opcode', frame(0x8b, 'x'), 1002],
    ['a ping in pieces', frame(0x09, 'x'), 1002],
    ['a ping that is too long', frame(0x89, 'x'.repeat(126)), 1002],
    ['a continuation of nothing', frame(0x80, 'x'), 1002],
    ['a message within another', Buffer.concat([frame(0x01, 'a'), frame(0x81, 'b')]), 1002],
    ['a length of 64 bits', Buffer.from([0x81, 127, 255, 255, 255, 255, 255, 255, 255, 255]), 1002],
    ['half a close code', frame(0x88, 'x'), 1002],
    ['a close code that is none', closing(1005), 1002],
    ['a close code below all', closing(999), 1002],
    ['a reason that is not UTF-8', Buffer.from([0x88, 3, 0x03, 0xe8, 0xff]), 1007],
  ])('ends the connection for %s', async (_what, bytes, code) => {
    await connect();
    peer.write(Buffer.concat([bytes, frame(0x81, 'afterwards')]));
    await eventually(() => seen.closed !== undefined, within);
    expect(seen.closed?.[0]).toBe(code);
    expect(seen.texts).toEqual([]);
    // a close, masked, with that code
    expect([sent[0], sent.readUInt16BE(6)]).toEqual([0x88, code]);
  });

  it('answers a close, and hears nothing after it', async () => {
    await connect();
    peer.write(Buffer.concat([closing(4502, 'the browser was löst'), frame(0x81, 'afterwards')]));
    await eventually(() => seen.closed !== undefined, within);
    expect(seen).toEqual({ texts: [], closed: [4502, 'the browser was löst'] });
    expect(sent).toEqual(Buffer.from([0x88, 0x82, 0, 0, 0, 0, 0x11, 0x96]));
  });

  it('hangs up on one who does not', async () => {
    await connect();
    // without an answer, and with its half of the connection kept open
    peer.pause();
    client.close();
    await eventually(() => seen.closed !== undefined, within);
    expect(seen.closed).toEqual([1000, '']);
  });

  it.each([
    ['another key', () => accept('other')],
    [
      'an extension that nobody asked for',
      (key: string) =>
        accept(key).replace('\r\n\r\n', '\r\nSec-WebSocket-Extensions: permessage-deflate\r\n\r\n'),
    ],
    ['the key in another field', (key: string) => accept(key).replace('Sec-WebSocket-Accept', 'X-Other')],
  ])('takes no answer with %s', async (_what, given) => {
    answer = given;
    expect(await open()).toEqual({ kind: 'refused', status: 101, body: '' });
  });

  it('reads a refusal though the connection stays open', async () => {
    answer = () => 'HTTP/1.1 503 Busy\r\nContent-Length: 4\r\n\r\nfull';
    expect(await open()).toEqual({ kind: 'refused', status: 503, body: 'full' });
  });

  it('reads no more of a refusal than one needs', async () => {
    answer = () => `HTTP/1.1 200 OK\r\n\r\n${'x'.repeat(100_000)}`;
    const refused = await open();
    expect(refused).toMatchObject({ kind: 'refused', status: 200 });
  });
});
