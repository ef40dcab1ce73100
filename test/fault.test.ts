import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Connection } from '../src/chrome/connection.js';
import type { Transport, TransportHandlers } from '../src/chrome/transport.js';
import type { MessageScanner } from '../src/cdp/message-scanner.js';
import type { EventSink } from '../src/cdp/upstream.js';
import { everybody, type Client, type Downstream } from '../src/index.js';
import { CdpClient, type Message } from './support/cdp-client.js';
import { startCdpmux, type TestCdpmux } from './support/cdpmux.js';
import { eventually } from './support/eventually.js';

/** A transport whose other end is the test. */
class Wire implements Transport {
  buffer = Buffer.alloc(1024);
  readonly backlog = 0;
  readonly received = 0;
  readonly sent: { id: number; method: string }[] = [];
  #length = 0;
  #handlers: TransportHandlers | undefined;

  reserve(length: number): number {
    this.#length = length;
    return 0;
  }

  hurry(): void {}
  gather(): void {}

  commit(): void {
    this.sent.push(
      JSON.parse(this.buffer.toString('utf8', 0, this.#length)) as { id: number; method: string },
    );
  }

  onceDrained(listener: () => void): void {
    listener();
  }

  listen(handlers: TransportHandlers): void {
    this.#handlers = handlers;
  }

  abort(): void {}

  say(message: object): void {
    this.#handlers?.onFrame(Buffer.from(JSON.stringify(message)));
  }

  close(): void {
    this.#handlers?.onClose('closed');
  }
}

/** Hears the events of a session, or fails at each. */
class Sink implements EventSink {
  readonly heard: string[] = [];
  readonly faults: unknown[] = [];
  readonly #fault: Error | undefined;

  constructor(fault?: Error) {
    this.#fault = fault;
  }

  onEvent(message: Buffer, scan: MessageScanner): void {
    if (this.#fault) throw this.#fault;
    this.heard.push(scan.method(message));
  }

  onFault(error: unknown): void {
    this.faults.push(error);
  }
}

describe('an error of cdpmux’s own while a message of Chrome’s is handled', () => {
  const setUp = () => {
    const wire = new Wire();
    const ends: string[] = [];
    const connection = new Connection(wire, { onRootEvent: () => undefined, onClose: (r) => ends.push(r) });
    const told: unknown[] = [];
    connection.onFault = (error) => told.push(error);
    return { wire, connection, told, ends };
  };
  const fault = new Error('on purpose');
  const fail = (): never => {
    throw fault;
  };

  it('concerns the session of an event, and nobody else', () => {
    const { wire, connection, told } = setUp();
    const [bad, good] = [new Sink(fault), new Sink()];
    connection.route('BAD', bad);
    connection.route('GOOD', good);
    for (const sessionId of ['BAD', 'GOOD']) wire.say({ method: 'A.b', params: {}, sessionId });
    expect([bad.faults, good.faults, good.heard, told]).toEqual([[fault], [], ['A.b'], [fault]]);
  });

  it('concerns whom a command of cdpmux’s own was sent for', () => {
    const { wire, connection, told } = setUp();
    const sentFor = new Sink();
    const answers: unknown[] = [];
    connection.call('Browser.getVersion', undefined, '', fail, sentFor);
    connection.call('Browser.getVersion', undefined, '', fail);
    connection.call('Browser.getVersion', undefined, '', (_error, result) => answers.push(result));
    for (const { id } of wire.sent) wire.say({ id, result: {} });
    expect([sentFor.faults, told, answers]).toEqual([[fault], [fault, fault], [{}]]);
  });

  it('keeps nobody from hearing that the connection is lost', () => {
    const { wire, connection, told, ends } = setUp();
    const errors: unknown[] = [];
    connection.call('Browser.getVersion', undefined, '', fail);
    connection.call('Browser.getVersion', undefined, '', (error) => errors.push(error?.code));
    wire.close();
    expect([errors, told, ends]).toEqual([[-32000], [fault], ['closed']]);
  });

  it('is told of twice where what it concerns fails to end, and is no more than that', () => {
    const { wire, connection, told } = setUp();
    const further = new Error('to end, too');
    const sink: EventSink = {
      onEvent: fail,
      onFault: () => {
        throw further;
      },
    };
    connection.route('BAD', sink);
    wire.say({ method: 'A.b', params: {}, sessionId: 'BAD' });
    expect(told).toEqual([further, fault]);
  });

  it('concerns nobody when Chrome says what is no CDP', () => {
    const { wire, connection, told } = setUp();
    const answers: unknown[] = [];
    connection.call('Browser.getVersion', undefined, '', (_error, result) => answers.push(result));
    wire.say(['nonsense']);
    wire.say({ id: wire.sent[0]?.id, result: {} });
    expect(answers).toEqual([{}]);
    expect(told.every((error) => error instanceof Error)).toBe(true);
  });
});

/** A client in this process, whose socket fails at what `fails` says. */
class Embedded implements Downstream {
  readonly received: Message[] = [];
  readonly closed: [number, string][] = [];
  readonly #fails: (message: Message) => boolean;

  constructor(fails: (message: Message) => boolean) {
    this.#fails = fails;
  }

  send(buffer: Buffer): void {
    const message = JSON.parse(buffer.toString()) as Message;
    if (this.#fails(message)) throw new Error('on purpose');
    this.received.push(message);
  }

  close(code: number, reason: string): void {
    this.closed.push([code, reason]);
  }

  pause(): void {}
  resume(): void {}
  terminate(): void {}
}

describe('a client with which cdpmux meets an error of its own, in a real Chrome', () => {
  let cdpmux: TestCdpmux;
  const logged: string[] = [];

  beforeAll(async () => {
    const log = (level: string, message: string): void => void logged.push(`${level}: ${message}`);
    cdpmux = await startCdpmux({ 'browsers.max': 1 }, { log });
  }, 60_000);

  afterAll(() => cdpmux.close());

  async function embed(downstream: Downstream): Promise<Client> {
    const { signal } = new AbortController();
    const path = { kind: 'browser' as const, name: 'shared' };
    const seat = await cdpmux.mux.admit({ path, tenant: everybody, initialPage: true, labels: {}, signal });
    return seat.attach(downstream);
  }

  const faults = async (): Promise<string | undefined> =>
    /^cdpmux_faults_total \d+$/m.exec((await cdpmux.mux.metricsText()).body)?.[0];

  it.each([
    ['a reply', { id: 7, method: 'Browser.getVersion' }, ({ id }: Message) => id === 7],
    [
      'an own command’s answer',
      { id: 7, method: 'Target.createBrowserContext' },
      ({ id }: Message) => id === 7,
    ],
    [
      'an event of the shared discovery',
      { id: 7, method: 'Target.createTarget', params: { url: 'about:blank#new' } },
      ({ method, params }: Message) => method !== undefined && JSON.stringify(params).includes('#new'),
    ],
  ])(
    'is closed with 1011 on %s, and the other client of its virtual browser goes on',
    async (_what, command, fails) => {
      const other = await CdpClient.connect(`${cdpmux.wsUrl}name/shared/`);
      const before = await faults();
      const downstream = new Embedded(fails);
      const client = await embed(downstream);
      const discover = { id: 1_000, method: 'Target.setDiscoverTargets', params: { discover: true } };
      other.raw(JSON.stringify(discover));
      client.onMessage(Buffer.from(JSON.stringify(discover)), false);
      logged.length = 0;
      client.onMessage(Buffer.from(JSON.stringify(command)), false);
      // Chrome answers in order, and all of this is in one connection
      const { targetId } = await other.newPage('about:blank#later');
      await eventually(() => downstream.closed.length > 0);
      expect(downstream.closed).toEqual([[1011, 'internal error: see the log of cdpmux']]);
      expect(logged).toEqual(['error: a message could not be handled']);
      expect(await faults()).not.toBe(before);
      await other.waitFor(
        ({ method, params }) =>
          method === 'Target.targetCreated' && JSON.stringify(params).includes(targetId),
      );
      await other.close();
      await eventually(() => cdpmux.mux.stats().pendingCommands === 0);
      expect(cdpmux.mux.stats()).toMatchObject({ browsers: 1, clients: 0 });
    },
    30_000,
  );
});
