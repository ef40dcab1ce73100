import { Counter, Gauge, Histogram, Registry } from 'prom-client';
import { ConnectionCounts } from './connection-counts.js';
import { HealthMetrics } from './health-metrics.js';
import { MemoryMetrics } from './memory-metrics.js';
import { PoolMetrics, type PoolSnapshot } from './pool-metrics.js';
import { processMetrics } from './process-metrics.js';
import { StockCounts } from './stock-counts.js';
import { StockMetrics } from './stock-metrics.js';
import { SharedAnswerCounts } from './shared-answer-counts.js';
import { UpkeepMetrics } from './upkeep-metrics.js';
import { WriteMetrics } from './write-metrics.js';

/** What is there at the moment of a scrape; gauges are read from it, so they can't drift from the truth. */
export interface MetricsSnapshot {
  readonly connectionsInUse: number;
  readonly connectionsAvailable: number;
  readonly clients: number;
  readonly virtualBrowsers: number;
  readonly pendingCommands: number;
  readonly pool: PoolSnapshot;
}

/** A page of metrics as Prometheus scrapes it. */
export interface MetricsText {
  readonly contentType: string;
  readonly body: string;
}

/** From half of what a Runtime.evaluate takes to what a slow navigation or a PDF takes, in seconds. */
const DURATION_BUCKETS = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];

/** What only grows; plain numbers, because they are added to for every message. */
interface Totals {
  commands: number;
  bytesUp: number;
  bytesDown: number;
  egressDenied: number;
}

/**
 * The metrics of one `Mux`, in a registry of its own.
 *
 * The methods called for every message only add to plain numbers (and one labelless histogram);
 * everything else is worked out when somebody scrapes.
 */
export class Metrics {
  /** Counted by those who open and close connections. */
  readonly connections = new ConnectionCounts();
  /** Counted by those who keep virtual browsers ready. */
  readonly stock = new StockCounts();
  readonly #registry = new Registry();
  /** Counted by those who watch browsers and pages. */
  readonly health = new HealthMetrics(this.#registry);
  readonly #pool = new PoolMetrics(this.#registry);
  /** What became of those who hold too much memory. */
  readonly memory = new MemoryMetrics(this.#registry);
  readonly #upkeep = new UpkeepMetrics(this.#registry);
  /** Counted for each command whose answer all may share. */
  readonly answers = new SharedAnswerCounts(this.#registry);
  readonly #collect: () => MetricsSnapshot;
  readonly #duration: Histogram;
  readonly #totals: Totals = { commands: 0, bytesUp: 0, bytesDown: 0, egressDenied: 0 };
  /** Each writes one metric at a scrape. */
  readonly #writers: ((now: MetricsSnapshot) => void)[] = [];

  constructor(collect: () => MetricsSnapshot) {
    this.#collect = collect;
    this.#duration = new Histogram({
      name: 'cdp_command_duration_seconds',
      help: 'Time from a command reaching cdpmux to its answer leaving, in seconds.',
      buckets: DURATION_BUCKETS,
      registers: [this.#registry],
    });
    this.#registerTotals();
    this.#registerGauges();
    const writes = new WriteMetrics(this.#registry, this.connections.writes);
    this.#writers.push(({ pool }) => this.#pool.write(pool));
    const stock = new StockMetrics(this.#registry);
    this.#writers.push(({ pool }) => stock.write(pool.browsers, this.stock));
    this.#writers.push(() => writes.write());
    this.#writers.push(({ pool: { pools, browsers } }) => this.health.write(pools, browsers));
    this.#writers.push(({ pool }) => this.memory.write(pool.browsers));
    this.#writers.push(() => this.answers.write());
  }

  /** One command was answered, this many seconds after it came; throws a TypeError when that is no finite number. */
  observeCommand(seconds: number): void {
    this.#totals.commands++;
    this.#duration.observe(seconds);
  }

  /** Bytes of messages passed from clients (`up`) and to clients (`down`). */
  countBytes(up: number, down: number): void {
    this.#totals.bytesUp += up;
    this.#totals.bytesDown += down;
  }

  /** One connection that a page asked for was denied by the egress policy. */
  countEgressDenied(): void {
    this.#totals.egressDenied++;
  }

  /** A browser was started, or a remote one asked for; it may still fail. */
  countLaunch(): void {
    this.#pool.launches.inc();
  }

  /** A browser did not come up. */
  countLaunchFailure(): void {
    this.#pool.launchFailures.inc();
  }

  /** A browser that served was lost: it crashed, or its connection broke. */
  countLost(): void {
    this.#pool.lost.inc();
  }

  /** A browser was replaced: for its uses, its age, or on order. */
  countRecycled(): void {
    this.#pool.recycled.inc();
  }

  /** A client got its place, so many seconds after it asked; 0 counts too, or the histogram would be of the slow ones only. */
  observeWait(seconds: number): void {
    this.#pool.wait.observe(seconds);
  }

  /** A client was turned away because its wait was over. */
  countQueueTimeout(): void {
    this.#pool.queueTimeouts.inc();
  }

  /** One message could not be handled for an error of cdpmux's own. */
  countFault(): void {
    this.#upkeep.countFault();
  }

  /** An audit mended so many differences of a kind. */
  countMended(what: string, count = 1): void {
    this.#upkeep.countMended(what, count);
  }

  /** The page that `/metrics` answers: this Mux's metrics, then those of the process it runs in. */
  async metricsText(): Promise<MetricsText> {
    const now = this.#collect();
    for (const write of this.#writers) write(now);
    const [own, ofProcess] = await Promise.all([this.#registry.metrics(), processMetrics()]);
    return { contentType: this.#registry.contentType, body: `${own}\n${ofProcess}` };
  }

  #registerTotals(): void {
    const totals = this.#totals;
    const connections = this.#counter(
      'cdp_pool_connections_total',
      'Connections to browsers opened since start.',
    );
    const ended = this.#counter(
      'cdpmux_connections_ended_total',
      'Connections to browsers that cdpmux closed, or that were lost, since start.',
      ['how'],
    );
    const commands = this.#counter('cdpmux_commands_total', 'Commands answered since start.');
    const bytes = this.#counter(
      'cdpmux_bytes_total',
      'Bytes from clients (up) and to clients (down) since start.',
      ['direction'],
    );
    const denied = this.#counter(
      'cdpmux_egress_denied_total',
      'Connections that the egress policy denied since start.',
    );
    this.#writers.push(() => {
      for (const counter of [connections, ended, commands, bytes, denied]) counter.reset();
      denied.inc(totals.egressDenied);
      connections.inc(this.connections.opened);
      for (const how of ['closed', 'lost'] as const) ended.inc({ how }, this.connections.ended(how));
      commands.inc(totals.commands);
      bytes.inc({ direction: 'up' }, totals.bytesUp);
      bytes.inc({ direction: 'down' }, totals.bytesDown);
    });
  }

  #registerGauges(): void {
    this.#gauge(
      'cdp_pool_connections_in_use',
      'Connections to browsers that serve a client.',
      'connectionsInUse',
    );
    this.#gauge(
      'cdp_pool_connections_available',
      'Connections to browsers that could take one more client.',
      'connectionsAvailable',
    );
    const reuse = new Gauge({
      name: 'cdp_connection_reuse_ratio',
      help: 'Part of the clients since start, 0 to 1, whose connection to a browser was open before they came.',
      registers: [this.#registry],
    });
    this.#writers.push(() => reuse.set(this.connections.reuseRatio));
    this.#gauge('cdpmux_clients', 'Clients connected.', 'clients');
    this.#gauge(
      'cdpmux_virtual_browsers',
      'Virtual browsers alive, with or without a client.',
      'virtualBrowsers',
    );
    this.#gauge('cdpmux_pending_commands', 'Commands not answered yet by a browser.', 'pendingCommands');
  }

  #counter(name: string, help: string, labelNames: readonly string[] = []): Counter {
    return new Counter({ name, help, labelNames, registers: [this.#registry] });
  }

  #gauge(name: string, help: string, field: Exclude<keyof MetricsSnapshot, 'pool'>): void {
    const gauge = new Gauge({ name, help, registers: [this.#registry] });
    this.#writers.push((now) => gauge.set(now[field]));
  }
}
