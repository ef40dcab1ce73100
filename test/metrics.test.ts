import { describe, it, expect } from '@jest/globals';
import { Metrics } from '../src/telemetry/metrics.js';
import type { MetricsSnapshot } from '../src/telemetry/metrics.js';

const IDLE: MetricsSnapshot = {
  connectionsInUse: 0,
  connectionsAvailable: 0,
  clients: 0,
  virtualBrowsers: 0,
  pendingCommands: 0,
  pool: { pools: [''], browsers: [], queue: { length: 0, maxwaitMs: 0 } },
};

/** The samples of a page, by name with labels. */
async function scrape(metrics: Metrics): Promise<Map<string, number>> {
  const { body } = await metrics.metricsText();
  const samples = body.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
  return new Map(
    samples.map((line) => {
      const at = line.lastIndexOf(' ');
      return [line.slice(0, at), Number(line.slice(at + 1))];
    }),
  );
}

describe('Metrics', () => {
  it('reads gauges when scraped, one snapshot a scrape', async () => {
    let snapshot = IDLE;
    let reads = 0;
    const metrics = new Metrics(() => {
      reads++;
      return snapshot;
    });
    expect(reads).toBe(0);
    expect((await scrape(metrics)).get('cdpmux_clients')).toBe(0);
    snapshot = {
      connectionsInUse: 1,
      connectionsAvailable: 2,
      clients: 3,
      virtualBrowsers: 4,
      pendingCommands: 5,
      pool: IDLE.pool,
    };
    const samples = await scrape(metrics);
    expect(reads).toBe(2);
    expect(samples.get('cdp_pool_connections_in_use')).toBe(1);
    expect(samples.get('cdp_pool_connections_available')).toBe(2);
    expect(samples.get('cdpmux_clients')).toBe(3);
    expect(samples.get('cdpmux_virtual_browsers')).toBe(4);
    expect(samples.get('cdpmux_pending_commands')).toBe(5);
  });

  it('keeps totals growing over scrapes', async () => {
    const metrics = new Metrics(() => IDLE);
    metrics.countBytes(100, 2000);
    metrics.connections.addOpened();
    metrics.connections.addEnded('lost');
    metrics.observeCommand(0.002);
    await scrape(metrics);
    metrics.countBytes(1, 0);
    metrics.observeCommand(0.002);
    const samples = await scrape(metrics);
    expect(samples.get('cdpmux_bytes_total{direction="up"}')).toBe(101);
    expect(samples.get('cdpmux_bytes_total{direction="down"}')).toBe(2000);
    expect(samples.get('cdp_pool_connections_total')).toBe(1);
    expect(samples.get('cdpmux_connections_ended_total{how="lost"}')).toBe(1);
    expect(samples.get('cdpmux_connections_ended_total{how="closed"}')).toBe(0);
    expect(samples.get('cdpmux_commands_total')).toBe(2);
  });

  it('shows every total as 0 before anything happened, so that rate() sees the first one', async () => {
    const samples = await scrape(new Metrics(() => IDLE));
    expect(samples.get('cdp_pool_connections_total')).toBe(0);
    expect(samples.get('cdpmux_commands_total')).toBe(0);
    expect(samples.get('cdpmux_bytes_total{direction="up"}')).toBe(0);
    expect(samples.get('cdp_command_duration_seconds_count')).toBe(0);
  });

  it('gives the part of the clients that came over a connection that was open', async () => {
    const metrics = new Metrics(() => IDLE);
    const ratio = async () => (await scrape(metrics)).get('cdp_connection_reuse_ratio');
    expect(await ratio()).toBe(1);
    metrics.connections.addClient(false);
    expect(await ratio()).toBe(0);
    for (let n = 0; n < 3; n++) metrics.connections.addClient(true);
    expect(await ratio()).toBe(0.75);
  });

  it('shows browsers by pool and state, with 0 for a state that a pool has none in', async () => {
    let browsers = [
      { pool: '', state: 'ready', stock: 0, health: 'closed' },
      { pool: '', state: 'ready', stock: 0, health: 'closed' },
      { pool: 'pdf', state: 'broken', stock: 0, health: 'closed' },
    ];
    const metrics = new Metrics(() => ({
      ...IDLE,
      pool: { pools: ['', 'pdf'], browsers, queue: { length: 3, maxwaitMs: 1500 } },
    }));
    const before = await scrape(metrics);
    expect(before.get('cdpmux_browsers{pool="default",state="ready"}')).toBe(2);
    expect(before.get('cdpmux_browsers{pool="pdf",state="broken"}')).toBe(1);
    expect(before.get('cdpmux_browsers{pool="pdf",state="ready"}')).toBe(0);
    expect(before.get('cdpmux_queue_length')).toBe(3);
    expect(before.get('cdpmux_queue_maxwait_seconds')).toBe(1.5);
    expect(before.get('cdpmux_browsers_health{pool="default",health="closed"}')).toBe(2);
    expect(before.get('cdpmux_browsers_health{pool="pdf",health="open"}')).toBe(0);
    browsers = [];
    expect((await scrape(metrics)).get('cdpmux_browsers{pool="default",state="ready"}')).toBe(0);
  });

  it('counts what becomes of browsers and of clients that wait', async () => {
    const metrics = new Metrics(() => IDLE);
    const names = [
      'cdpmux_browser_launches_total',
      'cdpmux_browser_launch_failures_total',
      'cdpmux_browsers_lost_total',
      'cdpmux_browsers_recycled_total',
      'cdpmux_queue_timeouts_total',
      'cdpmux_queue_wait_seconds_count',
    ];
    const all = async () => {
      const samples = await scrape(metrics);
      return names.map((name) => samples.get(name));
    };
    expect(await all()).toEqual([0, 0, 0, 0, 0, 0]);
    for (const times of [1, 2, 3, 4, 5, 6]) {
      const count = [
        () => metrics.countLaunch(),
        () => metrics.countLaunchFailure(),
        () => metrics.countLost(),
        () => metrics.countRecycled(),
        () => metrics.countQueueTimeout(),
        () => metrics.observeWait(0.02),
      ][times - 1]!;
      for (let n = 0; n < times; n++) count();
    }
    expect(await all()).toEqual([1, 2, 3, 4, 5, 6]);
    const samples = await scrape(metrics);
    expect(samples.get('cdpmux_queue_wait_seconds_bucket{le="0.01"}')).toBe(0);
    expect(samples.get('cdpmux_queue_wait_seconds_bucket{le="0.025"}')).toBe(6);
  });

  it('puts command durations into buckets of seconds', async () => {
    const metrics = new Metrics(() => IDLE);
    for (const seconds of [0.0004, 0.0005, 0.003, 60]) metrics.observeCommand(seconds);
    const samples = await scrape(metrics);
    expect(samples.get('cdp_command_duration_seconds_bucket{le="0.0005"}')).toBe(2);
    expect(samples.get('cdp_command_duration_seconds_bucket{le="0.0025"}')).toBe(2);
    expect(samples.get('cdp_command_duration_seconds_bucket{le="0.005"}')).toBe(3);
    expect(samples.get('cdp_command_duration_seconds_bucket{le="10"}')).toBe(3);
    expect(samples.get('cdp_command_duration_seconds_bucket{le="+Inf"}')).toBe(4);
    expect(samples.get('cdp_command_duration_seconds_sum')).toBeCloseTo(60.0039);
  });

  it('shares nothing between two instances but the process they run in', async () => {
    const one = new Metrics(() => IDLE);
    const other = new Metrics(() => IDLE);
    one.observeCommand(1);
    expect((await scrape(other)).get('cdpmux_commands_total')).toBe(0);
    for (const metrics of [one, other]) {
      expect((await scrape(metrics)).get('process_resident_memory_bytes')).toBeGreaterThan(1e6);
    }
  });

  it('gives a name ending in _total to counters and to nothing else', async () => {
    const { body } = await new Metrics(() => IDLE).metricsText();
    const types = [...body.matchAll(/^# TYPE (\S+) (\S+)$/gm)].map(([, name = '', type]) => ({ name, type }));
    const isTotal = ({ name }: { name: string }) => name.endsWith('_total');
    expect(types.filter(isTotal).length).toBeGreaterThan(3);
    expect(types.filter((metric) => isTotal(metric) !== (metric.type === 'counter'))).toEqual([]);
  });

  it('answers in the text format that Prometheus asks for', async () => {
    const { contentType, body } = await new Metrics(() => IDLE).metricsText();
    expect(contentType).toMatch(/^text\/plain; version=0\.0\.4/);
    expect(body).toMatch(
      /^# HELP cdp_pool_connections_total .+\n# TYPE cdp_pool_connections_total counter$/m,
    );
    const names = body.match(/^# TYPE (\S+)/gm) ?? [];
    expect(new Set(names).size).toBe(names.length);
  });
});
