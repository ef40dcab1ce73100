import { tmpdir } from 'node:os';
import { CdpmuxError } from '../src/index.js';
import type { BenchRequest } from './bench/bench.js';
import { AddressFile } from './address-file.js';
import { readCommandLine, type Invocation } from './cli.js';
import type { Config } from './config.js';
import { ControllingTerminal } from './controlling-terminal.js';
import { watchIdle } from './idle-watch.js';
import { endLeanStart } from './lean-start.js';
import { createLogger, levelOf, type Logger } from './log.js';
import { Service } from './service.js';
import { SHARED_SECRET } from './shared-secret.js';
import { startTelemetry, type Telemetry } from './telemetry.js';
import { ownVersion } from './version.js';

/** Within this all is gone once it stops, ms; a supervisor's patience begins at 5 s. */
const STOP_DEADLINE = 3_000;
/** For what can't be closed properly any more, ms. */
const CRASH_DEADLINE = 1_000;
/** A second SIGTERM within so many ms is the first one: a supervisor sends it to all processes, and npm passes on what it gets. */
const ECHO = 1_000;

async function main(): Promise<void> {
  const invocation = await readCommandLine(process.argv.slice(2), {
    env: process.env,
    version: ownVersion(),
    out: (text) => process.stdout.write(text),
    err: (text) => process.stderr.write(text),
  });
  if (invocation.kind === 'done') process.exitCode = invocation.code;
  else if (invocation.kind === 'bench') await measure(invocation.request);
  else await serve(invocation);
}

async function measure(request: BenchRequest): Promise<void> {
  const { bench } = await import('./bench/bench.js');
  endLeanStart();
  try {
    await bench(request, { env: process.env, out: (text) => process.stdout.write(text) });
  } catch (error) {
    process.stderr.write(`cdpmux bench: ${(error as Error).message}\n`);
    process.exitCode = 1;
  }
}

async function serve({ config, load }: Invocation & { kind: 'serve' }): Promise<void> {
  const log = createLogger(config.log.level, process.stderr.isTTY);
  const stopper = new Stopper(log);
  try {
    const telemetry = await startTelemetry({
      endpoint: config.telemetry.endpoint ?? process.env['OTEL_EXPORTER_OTLP_ENDPOINT'],
      serviceName: config.telemetry.serviceName,
      version: ownVersion(),
      warn: (message) => log.warn(message),
    });
    const service = await Service.start(config, {
      env: process.env,
      tmpDir: tmpdir(),
      log: (level, message, fields) => log[level](fields ?? {}, message),
      load,
      setLogLevel: (level) => void (log.level = levelOf(level, process.stderr.isTTY)),
    });
    const { addressFile } = config.listen;
    const secret = process.env[SHARED_SECRET];
    const url = `${service.door.webSocketUrl}${secret === undefined ? '' : `?token=${secret}`}`;
    const file = addressFile && (await AddressFile.write(addressFile, url));
    if (!stopper.started(service, telemetry, file || undefined)) return;
    watchIdle(service.mux, config.shutdown.whenIdle, () => stopper.stop('shutdown.whenIdle'));
    await greet(service, config);
    endLeanStart();
  } catch (error) {
    if (stopper.stopping) {
      stopper.notStarted();
      return;
    }
    process.stderr.write(`cdpmux could not start: ${explain(error, config)}\n`);
    process.exit(1);
  }
}

async function greet({ mux, door }: Service, { auth }: Config): Promise<void> {
  const url = `${door.webSocketUrl}${auth.required ? '?token=<token>' : ''}`;
  const { product } = await mux.version();
  const chrome = mux.executable();
  const where = chrome ? `${chrome.path} (${chrome.kind}, ${chrome.source})` : 'remote';
  const lines = [
    `cdpmux listens on ${door.webSocketUrl}`,
    `Chrome: ${product}, ${where}`,
    `Try: const browser = await puppeteer.connect({ browserWSEndpoint: '${url}' });`,
  ];
  process.stdout.write(`${lines.join('\n')}\n`);
}

function explain(error: unknown, { listen }: Config): string {
  if (error instanceof CdpmuxError) return error.message;
  const { code, message } = error as NodeJS.ErrnoException;
  if (code === 'EADDRINUSE') {
    return `port ${listen.port} on ${listen.host} is in use; stop what listens there, or choose another with --port (0 picks a free one).`;
  }
  return message;
}

/** Ends the process on a signal or an unforeseen error, and leaves nothing behind. */
class Stopper {
  readonly #log: Logger;
  readonly #terminal = new ControllingTerminal();
  #running: { service: Service; telemetry: Telemetry; file: AddressFile | undefined } | undefined;
  #state:
    { kind: 'running' } | { kind: 'draining'; hurry: AbortController; since: number } | { kind: 'stopping' } =
    {
      kind: 'running',
    };

  constructor(log: Logger) {
    this.#log = log;
    process.on('SIGINT', () => this.#onSignal('SIGINT'));
    process.on('SIGTERM', () => this.#onSignal('SIGTERM'));
    process.on('SIGHUP', () => this.#onHangup());
    // Who reads our output may stop, as `npm start | head -1` does; clients have nothing to do with it.
    for (const stream of [process.stdout, process.stderr]) stream.on('error', () => undefined);
    process.on('uncaughtException', (error) => this.#onCrash(error));
    process.on('unhandledRejection', (error) => this.#onCrash(error));
  }

  get stopping(): boolean {
    return this.#state.kind === 'stopping';
  }

  /** Takes over what runs now; false when a signal came while it started, upon which it ends. */
  started(service: Service, telemetry: Telemetry, file?: AddressFile): boolean {
    this.#running = { service, telemetry, file };
    if (this.stopping) void this.#stop(0, CRASH_DEADLINE);
    return !this.stopping;
  }

  /** Nothing runs and nothing will, after a signal: what failed to start has cleaned up behind itself. */
  notStarted(): void {
    if (!this.#running) process.exit(0);
  }

  /** A supervisor asks to read the configuration anew; from a terminal that was closed it means the end. */
  #onHangup(): void {
    if (this.#terminal.isLost()) this.#onSignal('SIGHUP');
    else if (this.#running && !this.stopping) void this.#running.service.reload();
    // While it starts there is nothing to reload: the configuration was read a moment ago.
  }

  /** Ends it now, for a reason of its own. */
  stop(reason: string): void {
    if (!this.stopping) this.#onSignal(reason);
  }

  /** SIGTERM lets clients finish; a second one, Ctrl-C, or nothing to wait for, ends it at once. */
  #onSignal(signal: string): void {
    // Chromes end with their pipes when this process does.
    if (this.stopping) process.exit(1);
    if (signal === 'SIGTERM' && this.#state.kind === 'running' && this.#running) {
      void this.#drain(this.#running.service);
      return;
    }
    const before = this.#state;
    if (signal === 'SIGTERM' && before.kind === 'draining' && performance.now() - before.since < ECHO) return;
    this.#log.info({ signal }, 'stopping');
    this.#state = { kind: 'stopping' };
    // what drains stops by itself when it is told to hurry
    if (before.kind === 'draining') before.hurry.abort();
    else if (this.#running) void this.#stop(0, STOP_DEADLINE);
    // A start that hangs ends, too; the next one sweeps what it leaves.
    else setTimeout(() => this.notStarted(), STOP_DEADLINE + CRASH_DEADLINE).unref();
  }

  async #drain(service: Service): Promise<void> {
    const hurry = new AbortController();
    this.#state = { kind: 'draining', hurry, since: performance.now() };
    this.#running?.file?.remove();
    await service.drain(hurry.signal);
    // a fault has ended it meanwhile
    if (this.stopping && !hurry.signal.aborted) return;
    if (!this.stopping) this.#log.info({ signal: 'SIGTERM' }, 'stopping');
    this.#state = { kind: 'stopping' };
    await this.#stop(0, STOP_DEADLINE);
  }

  #onCrash(error: unknown): void {
    this.#log.fatal({ err: error }, 'unforeseen error: stopping');
    if (this.stopping) process.exit(1);
    this.#state = { kind: 'stopping' };
    void this.#stop(1, CRASH_DEADLINE);
  }

  async #stop(code: number, deadline: number): Promise<void> {
    const late = setTimeout(() => process.exit(code), deadline + CRASH_DEADLINE);
    late.unref();
    this.#running?.file?.remove();
    await this.#running?.service
      .close(deadline)
      .catch((error: unknown) => this.#log.error({ err: error }, 'close'));
    await this.#running?.telemetry.shutdown();
    process.exit(code);
  }
}

await main();
