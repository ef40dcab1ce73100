import { describe, expect, it } from '@jest/globals';
import { PassThrough, Writable } from 'node:stream';
import { setImmediate as turn } from 'node:timers/promises';
import { PipeTransport } from '../src/chrome/pipe-transport.js';
import type { BatchSettings } from '../src/chrome/write-batch.js';
import { flushReasons, WriteCounts } from '../src/telemetry/write-counts.js';
import { CdpClient } from './support/cdp-client.js';
import { startCdpmux } from './support/cdpmux.js';
import { eventually } from './support/eventually.js';

const DEFAULTS: BatchSettings = { enabled: true, maxSize: 10, window: 'none' };

/** A pipe that shows each write, and may hold it up. */
class SlowPipe extends Writable {
  readonly writes: string[] = [];
  isHeld = false;
  #held: (() => void) | undefined;

  override _write(chunk: Buffer, _encoding: string, done: () => void): void {
    this.writes.push(chunk.toString().replaceAll('\0', ' ').trim());
    if (this.isHeld) this.#held = done;
    else done();
  }

  override _writev(chunks: { chunk: Buffer }[], done: () => void): void {
    this._write(Buffer.concat(chunks.map(({ chunk }) => chunk)), '', done);
  }

  letGo(): void {
    this.isHeld = false;
    this.#held?.();
  }
}

function open(changes: Partial<BatchSettings> = {}) {
  let settings = { ...DEFAULTS, ...changes };
  const counts = new WriteCounts();
  const pipe = new SlowPipe();
  const transport = new PipeTransport(pipe, new PassThrough(), { settings: () => settings, counts });
  let last = 0;
  return {
    counts,
    pipe,
    transport,
    /** Sends so many more commands: 1, 2, 3, … */
    send: (commands: number): void => {
      for (let i = 0; i < commands; i++) {
        const text = String(++last);
        const at = transport.reserve(text.length);
        transport.buffer.write(text, at);
        transport.commit();
      }
    },
    change: (other: Partial<BatchSettings>): void => void (settings = { ...settings, ...other }),
    reasons: () => Object.fromEntries(flushReasons.map((reason) => [reason, counts.of(reason)])),
  };
}

const textOf = (from: number, to: number): string =>
  Array.from({ length: to - from + 1 }, (_, i) => from + i).join(' ');

describe('commands to a Chrome', () => {
  it('leave at once where they come one at a time', async () => {
    const { send, pipe, reasons, counts } = open();
    for (let i = 0; i < 3; i++) {
      send(1);
      expect(pipe.writes).toHaveLength(i + 1);
      await turn();
      await turn();
    }
    expect(pipe.writes).toEqual(['1', '2', '3']);
    expect(reasons()).toEqual({ turn: 0, idle: 3, size: 0, window: 0 });
    expect(counts.sizes.sum).toBe(3);
  });

  it('leave together with those of the same turn, at most maxSize in a write', async () => {
    const { send, pipe, reasons } = open();
    send(14);
    await eventually(() => pipe.writes.length === 3, { what: 'three writes' });
    expect(pipe.writes).toEqual(['1', textOf(2, 11), textOf(12, 14)]);
    send(12);
    await eventually(() => pipe.writes.length === 5, { what: 'two more writes' });
    expect(pipe.writes.slice(3)).toEqual([textOf(15, 24), textOf(25, 26)]);
    expect(reasons()).toEqual({ turn: 2, idle: 1, size: 2, window: 0 });
  });

  it('leave at the end of their turn where that was asked for, and at once in the next', async () => {
    const { send, pipe, transport, reasons } = open();
    transport.gather();
    send(2);
    expect(pipe.writes).toEqual([]);
    await turn();
    await turn();
    expect(pipe.writes).toEqual(['1 2']);
    // one alone as well, and the first of the next turn does not wait for it
    transport.gather();
    send(1);
    expect(pipe.writes).toEqual(['1 2']);
    await turn();
    await turn();
    expect(pipe.writes).toEqual(['1 2', '3']);
    send(1);
    expect(pipe.writes).toEqual(['1 2', '3', '4']);
    transport.gather();
    await turn();
    await turn();
    send(1);
    expect(pipe.writes).toEqual(['1 2', '3', '4', '5']);
    expect(reasons()).toEqual({ turn: 2, idle: 2, size: 0, window: 0 });
  });

  it('gather while an earlier write is still going out, and leave when it is out or they are enough', async () => {
    const { send, pipe, transport, reasons } = open({ maxSize: 5 });
    pipe.isHeld = true;
    send(1);
    send(3);
    await turn();
    await turn();
    expect(pipe.writes).toEqual(['1']);
    expect(transport.backlog).toBeGreaterThan(0);
    pipe.letGo();
    await eventually(() => pipe.writes.length === 2, { what: 'the second write' });
    expect(pipe.writes[1]).toBe('2 3 4');
    expect(reasons()).toEqual({ turn: 0, idle: 2, size: 0, window: 0 });
  });

  it('wait for others with a window, until it is over or they are enough', async () => {
    const slow = open({ window: 10_000, maxSize: 3 });
    slow.send(2);
    await turn();
    await turn();
    expect(slow.pipe.writes).toEqual([]);
    slow.send(2);
    expect(slow.pipe.writes).toEqual(['1 2 3']);
    slow.transport.close();
    expect(slow.pipe.writes).toEqual(['1 2 3', '4']);
    const quick = open({ window: 5 });
    quick.send(2);
    expect(quick.pipe.writes).toEqual([]);
    await eventually(() => quick.pipe.writes.length > 0, { what: 'the end of the window' });
    expect(quick.pipe.writes).toEqual(['1 2']);
    expect(quick.reasons()).toEqual({ turn: 0, idle: 0, size: 0, window: 1 });
    const waits = quick.counts.waits;
    expect(waits.sum).toBeGreaterThan(0.004);
  });

  it('are written each by itself where batches are off', () => {
    const { send, pipe } = open({ enabled: false, window: 10_000 });
    send(3);
    expect(pipe.writes).toEqual(['1', '2', '3']);
  });

  it('take new settings with the next batch', () => {
    const { send, pipe, change } = open({ window: 10_000, maxSize: 3 });
    send(1);
    change({ maxSize: 2 });
    send(2);
    expect(pipe.writes).toEqual(['1 2 3']);
    send(2);
    expect(pipe.writes).toEqual(['1 2 3', '4 5']);
  });

  it('leave before one that has no room beside them', async () => {
    const { pipe, transport } = open({ window: 10_000 });
    for (const text of ['small', 'x'.repeat(100_000)]) {
      const at = transport.reserve(text.length);
      transport.buffer.write(text, at);
      transport.commit();
    }
    expect(pipe.writes).toEqual(['small']);
    transport.close();
    await eventually(() => pipe.writes.length === 2, { what: 'the large one' });
    expect(pipe.writes[1]).toHaveLength(100_000);
  });
});

describe('a cdpmux with a window', () => {
  it('has full writes, keeps the order, and shows in its metrics how they were made', async () => {
    // what cdpmux asks by itself would hurry what waits
    const quiet = { 'memory.enabled': 'false', 'health.enabled': 'false' };
    const cdpmux = await startCdpmux({ 'batch.window': '20ms', ...quiet });
    try {
      const client = await CdpClient.connect(cdpmux.wsUrl);
      const { sessionId } = await client.newPage();
      const ids = Array.from({ length: 32 }, (_, i) => 1_000 + i);
      for (const id of ids) {
        client.raw(
          JSON.stringify({ id, method: 'Runtime.evaluate', params: { expression: `${id}` }, sessionId }),
        );
      }
      await client.waitFor(({ id }) => id === 1_031);
      expect(client.received.flatMap(({ id = 0 }) => (id >= 1_000 ? [id] : []))).toEqual(ids);
      const { body } = await cdpmux.mux.metricsText();
      const sample = (name: string): number =>
        Number(
          body
            .split('\n')
            .find((line) => line.startsWith(`${name} `))
            ?.slice(name.length),
        );
      expect(sample('cdpmux_writes_total{reason="size"}')).toBeGreaterThanOrEqual(2);
      expect(sample('cdpmux_writes_total{reason="window"}')).toBeGreaterThanOrEqual(1);
      expect(sample('cdp_batch_size_bucket{le="10"}')).toBe(sample('cdp_batch_size_count'));
      expect(sample('cdp_batch_size_sum')).toBeGreaterThan(30);
      expect(sample('cdpmux_batch_wait_seconds_sum')).toBeGreaterThan(0.015);
    } finally {
      await cdpmux.close();
    }
  }, 60_000);

  it('has none where a reload takes it away', async () => {
    const cdpmux = await startCdpmux({ 'batch.window': '10s' });
    try {
      cdpmux.mux.reconfigure({ batch: { enabled: true, maxSize: 10, window: 'none' } });
      const client = await CdpClient.connect(cdpmux.wsUrl);
      expect(await client.send('Browser.getVersion')).toHaveProperty('product');
    } finally {
      await cdpmux.close();
    }
  }, 60_000);
});
