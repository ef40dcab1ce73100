import { diag, DiagLogLevel, propagation, trace } from '@opentelemetry/api';
import type { NodeTracerProvider } from '@opentelemetry/sdk-trace-node';

/** Where spans go and whose they are. */
export interface TelemetryOptions {
  /** Base URL of an OTLP/HTTP collector, as in OTEL_EXPORTER_OTLP_ENDPOINT; without it nothing is loaded or sent. */
  readonly endpoint?: string | undefined;
  /** Used when neither OTEL_SERVICE_NAME nor OTEL_RESOURCE_ATTRIBUTES names the service. */
  readonly serviceName: string;
  readonly version: string;
  /** Longest wait for the last spans at the end, ms; 2000 unless given. */
  readonly shutdownTimeout?: number;
  /** Told what goes wrong on the way to the collector. */
  readonly warn?: (message: string) => void;
}

/** Running telemetry. */
export interface Telemetry {
  /** Sends what is waiting, for `shutdownTimeout` at most, and stops; never rejects. */
  shutdown(): Promise<void>;
}

const SHUTDOWN_TIMEOUT = 2_000;

const OFF: Telemetry = { shutdown: () => Promise.resolve() };

/**
 * Sets up the OpenTelemetry SDK for this process, when there is an endpoint.
 *
 * The sampler (OTEL_TRACES_SAMPLER), the batches (OTEL_BSP_*), headers and certificates (OTEL_EXPORTER_OTLP_*),
 * and resource attributes are what the standard variables say, which the SDK reads itself.
 * Throws a TypeError when the endpoint is no http(s) URL.
 */
export async function startTelemetry(options: TelemetryOptions): Promise<Telemetry> {
  if (options.endpoint === undefined || options.endpoint === '') return OFF;
  const url = tracesUrl(options.endpoint);
  // Loading them takes about 180 ms, which only those who asked for traces should wait for.
  const [sdk, { OTLPTraceExporter }, resources, names] = await Promise.all([
    import('@opentelemetry/sdk-trace-node'),
    import('@opentelemetry/exporter-trace-otlp-http'),
    import('@opentelemetry/resources'),
    import('@opentelemetry/semantic-conventions'),
  ]);
  const { warn } = options;
  if (warn !== undefined) logProblems(warn);
  const { envDetector, hostDetector, serviceInstanceIdDetector } = resources;
  const resource = resources
    .defaultResource()
    .merge(
      resources.resourceFromAttributes({
        [names.ATTR_SERVICE_NAME]: options.serviceName,
        [names.ATTR_SERVICE_VERSION]: options.version,
      }),
    )
    // The process detector stays out: it sends the command line, which may hold a token.
    .merge(resources.detectResources({ detectors: [envDetector, hostDetector, serviceInstanceIdDetector] }));
  const provider = new sdk.NodeTracerProvider({
    resource,
    spanProcessors: [new sdk.BatchSpanProcessor(new OTLPTraceExporter({ url }))],
  });
  // Spans get their parent by argument. A context manager would put AsyncLocalStorage under every promise.
  provider.register({ contextManager: null });
  let stopped: Promise<void> | undefined;
  return { shutdown: () => (stopped ??= stop(provider, options)) };
}

/** Within the deadline also when the collector doesn't answer, because cdpmux must end in time. */
async function stop(
  provider: NodeTracerProvider,
  { shutdownTimeout = SHUTDOWN_TIMEOUT, warn }: TelemetryOptions,
): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const deadline = new Promise<never>((_resolve, reject) => {
    const expire = () => reject(new Error(`the collector took longer than ${shutdownTimeout} ms`));
    timer = setTimeout(expire, shutdownTimeout);
  });
  try {
    await Promise.race([provider.shutdown(), deadline]);
  } catch (error) {
    warn?.(
      `telemetry: the last spans were not sent: ${error instanceof Error ? error.message : String(error)}`,
    );
  } finally {
    clearTimeout(timer);
    for (const api of [trace, propagation, diag]) api.disable();
  }
}

function tracesUrl(endpoint: string): string {
  const url = URL.canParse(endpoint) ? new URL(endpoint) : undefined;
  if (url === undefined || !/^https?:$/.test(url.protocol)) {
    throw new TypeError(
      `OTEL_EXPORTER_OTLP_ENDPOINT must be an http:// or https:// URL such as http://localhost:4318, not '${endpoint}'`,
    );
  }
  url.pathname = `${url.pathname.replace(/\/$/, '')}/v1/traces`;
  return url.href;
}

function logProblems(warn: (message: string) => void): void {
  const log = (message: string) => warn(`telemetry: ${message}`);
  const quiet = () => undefined;
  diag.setLogger(
    { error: log, warn: log, info: quiet, debug: quiet, verbose: quiet },
    { logLevel: DiagLogLevel.WARN, suppressOverrideMessage: true },
  );
}
