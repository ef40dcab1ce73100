import { once } from 'node:events';
import { createServer, get, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { Access } from '../proxy/auth/access.js';
import { loadConfig } from '../proxy/config.js';
import { EventStreams } from '../proxy/front-door/api/event-stream.js';
import { refuseRequest } from '../proxy/front-door/refusal.js';
import { rulesOf } from '../proxy/reload.js';
import { everybody } from '../src/index.js';
import { EventFeed } from '../src/telemetry/event-feed.js';
import { ask, errorOf } from './support/ask.js';
import { EventReader } from './support/event-source.js';
import { eventually } from './support/eventually.js';

let feed: EventFeed;
let streams: EventStreams;
let server: Server;
let url: string;

beforeEach(async () => {
  feed = new EventFeed();
  streams = new EventStreams(feed, new Access(rulesOf(loadConfig({})), undefined), 20);
  server = createServer((request, response) => {
    try {
      streams.open(request, response, everybody);
    } catch (error) {
      refuseRequest(response, error);
    }
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
});

afterEach(async () => {
  streams.close();
  server.closeAllConnections();
  server.close();
  await once(server, 'close');
});

const tell = (type: string, text = ''): void => feed.emit('info', type, text);

describe('a stream of events', () => {
  it('has what happens from when it was opened on, each with an id', async () => {
    tell('test.before');
    const reader = await EventReader.open(url);
    expect([reader.status, reader.headers['content-type']]).toEqual([200, 'text/event-stream']);
    feed.emit('warn', 'test.one', 'two\nlines', { browser: 'b1', count: 3 });
    tell('test.two');
    await reader.until(() => reader.types.includes('test.two'), 'the second event');
    expect(reader.types).toEqual(['test.one', 'test.two']);
    expect(reader.events[0]?.data).toMatchObject({
      id: 2,
      level: 'warn',
      message: 'two\nlines',
      fields: { browser: 'b1', count: 3 },
    });
    reader.close();
  });

  it('goes on after the last event that a listener saw', async () => {
    const first = await EventReader.open(url);
    tell('test.one');
    await first.until(() => first.events.length === 1, 'an event');
    first.close();
    tell('test.two');
    tell('test.three');
    const second = await EventReader.open(url, { 'last-event-id': first.events[0]!.id });
    await second.until(() => second.events.length === 2, 'what was missed');
    expect(second.types).toEqual(['test.two', 'test.three']);
    second.close();
  });

  it.each(['0-1', 'mllf2k-1', '1', 'x', '-', 'a-b-c'])(
    'begins with all that is kept for who was here before a restart (%s)',
    async (last) => {
      tell('test.one');
      tell('test.two');
      const reader = await EventReader.open(url, { 'last-event-id': last });
      await reader.until(() => reader.events.length === 2, 'both');
      reader.close();
    },
  );

  it('says now and then that it is still there', async () => {
    const reader = await EventReader.open(url);
    await reader.until(() => reader.text.includes('\n: still here\n\n'), 'a heartbeat');
    expect(reader.events).toEqual([]);
    reader.close();
    await eventually(() => streams.size === 0);
  });

  it('answers HEAD without listening', async () => {
    const { status, body } = await ask(url, { method: 'HEAD' });
    expect([status, body, streams.size]).toEqual([200, '', 0]);
  });

  it('is cut when its reader does not read, and others go on', async () => {
    const slow = get(url, { agent: false });
    slow.on('error', () => undefined);
    const [response] = (await once(slow, 'response')) as [IncomingMessage];
    response.pause();
    const quick = await EventReader.open(url);
    const text = 'x'.repeat(100_000);
    let told = 0;
    await eventually(
      async () => {
        for (let n = 0; n < 5; n++) tell('test.much', `${text}${told++}`);
        // The quick one reads all of it before there is more.
        await quick.until(() => quick.text.slice(-200).includes(`x${told - 1}"`), 'the latest event');
        return streams.size === 1;
      },
      { within: 30_000, what: 'the slow reader being cut' },
    );
    expect(quick.ended).toBe(false);
    quick.close();
    slow.destroy();
  });

  it('is refused when too many listen, until one goes', async () => {
    const readers: EventReader[] = [];
    for (let n = 0; n < 64; n++) readers.push(await EventReader.open(url));
    const refused = await ask(url);
    expect([refused.status, errorOf(refused)['code']]).toEqual([429, 'LIMIT']);
    readers[0]?.close();
    await eventually(() => streams.size === 63);
    const another = await EventReader.open(url);
    expect(another.status).toBe(200);
    for (const reader of [...readers, another]) reader.close();
    await eventually(() => streams.size === 0);
  });

  it('ends with what was told before it, and nobody new is let in', async () => {
    const reader = await EventReader.open(url);
    tell('test.last');
    streams.close();
    await reader.until(() => reader.ended !== false, 'the end');
    expect([reader.ended, reader.types]).toEqual(['ended', ['test.last']]);
    const refused = await ask(url);
    expect([refused.status, errorOf(refused)['code']]).toEqual([503, 'CLOSING']);
  });
});
