import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { WebSocketServer, type WebSocket } from 'ws';
import { Connection } from '../src/chrome/connection.js';
import { makePage, roundTrip } from '../src/chrome/probes.js';
import { WebSocketTransport } from '../src/chrome/websocket-transport.js';
import { eventually } from './support/eventually.js';

/** What a remote end is asked. */
interface Command {
  readonly id: number;
  readonly method: string;
  readonly params?: { readonly sessionId?: string };
}

describe('a remote end that keeps silent', () => {
  let server: WebSocketServer;
  let far: WebSocket;
  let transport: WebSocketTransport;
  let commands: Command[];

  beforeEach(async () => {
    server = new WebSocketServer({ port: 0, host: '127.0.0.1', autoPong: false });
    await once(server, 'listening');
    const came = once(server, 'connection') as Promise<[WebSocket]>;
    const { port } = server.address() as AddressInfo;
    transport = await WebSocketTransport.connect(`ws://127.0.0.1:${port}/`, 5_000);
    [far] = await came;
    commands = [];
    far.on('message', (data: Buffer) => void commands.push(JSON.parse(data.toString()) as Command));
  });
  afterEach(async () => {
    transport.abort('the test is over');
    far.terminate();
    await new Promise((resolve) => server.close(resolve));
  });

  it('is asked for pongs again and again, and only who asked last waits for one', async () => {
    transport.listen({ onFrame: () => undefined, onClose: () => undefined });
    const heard: number[] = [];
    for (let nth = 0; nth < 20; nth++) transport.ping(() => void heard.push(nth));
    far.pong();
    await eventually(() => heard.length > 0, { what: 'a pong' });
    expect(heard).toEqual([19]);
  });

  it('is given up though it talks all the time, where it never answers; long after one that says nothing', async () => {
    const connection = new Connection(transport, { onRootEvent: () => undefined, onClose: () => undefined });
    const timeout = 100;
    const gaveUpAfter = async (): Promise<number> => {
      const start = performance.now();
      await expect(roundTrip(connection, timeout)).rejects.toMatchObject({ code: 'TIMEOUT' });
      return performance.now() - start;
    };
    const talking = setInterval(() => far.send('{"method":"Target.targetInfoChanged","params":{}}'), 5);
    // 24 times the timeout: a queue so long is as good as none
    expect(await gaveUpAfter()).toBeGreaterThanOrEqual(23 * timeout);
    clearInterval(talking);
    await eventually(() => transport.backlog === 0);
    // what it said last may still be on its way
    expect(await gaveUpAfter()).toBeLessThan(23 * timeout);
  }, 30_000);

  it('keeps no session of a check that was over before its answer came', async () => {
    const connection = new Connection(transport, { onRootEvent: () => undefined, onClose: () => undefined });
    await expect(makePage(connection, 20)).rejects.toMatchObject({ code: 'TIMEOUT' });
    await eventually(() => commands.length > 0, { what: 'a command' });
    const [{ id, method }] = commands as [Command];
    expect(method).toBe('Target.attachToBrowserTarget');
    far.send(JSON.stringify({ id, result: { sessionId: 'late' } }));
    await eventually(() => commands.length > 1, { what: 'the end of the session' });
    expect(commands[1]).toMatchObject({
      method: 'Target.detachFromTarget',
      params: { sessionId: 'late' },
    });
  });
});
