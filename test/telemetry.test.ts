import { execFile } from 'node:child_process';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { promisify } from 'node:util';
import { afterEach, describe, it, expect } from '@jest/globals';
import { startTelemetry } from '../proxy/telemetry.js';
import type { Telemetry } from '../proxy/telemetry.js';
import { ClientTrace } from '../src/telemetry/client-trace.js';

interface KeyValue {
  key: string;
  value: { stringValue?: string; intValue?: number };
}

interface OtlpSpan {
  traceId: string;
  spanId: string;
  parentSpanId?: string;
  name: string;
  kind: number;
  attributes: KeyValue[];
  status: { code: number; message?: string };
  startTimeUnixNano: string;
  endTimeUnixNano: string;
}

interface OtlpRequest {
  resourceSpans: { resource: { attributes: KeyValue[] }; scopeSpans: { spans: OtlpSpan[] }[] }[];
}

const SERVER_KIND = 2;
const CLIENT_KIND = 3;
const ERROR_STATUS = 2;
const ATTRIBUTES = { virtualBrowserId: 'vb-1', path: '/devtools/browser', labels: { team: 'search' } };

const cleanUps: (() => Promise<void> | void)[] = [];

afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0).reverse()) await cleanUp();
});

/** A collector that speaks OTLP/HTTP with JSON; with `answers: false` it takes requests and never replies. */
async function collector({ answers = true } = {}) {
  const requests: { path: string; body: OtlpRequest }[] = [];
  const server = createServer((request, response) => {
    void text(request).then((body) => {
      requests.push({ path: request.url ?? '', body: JSON.parse(body) as OtlpRequest });
      if (answers) response.writeHead(200, { 'content-type': 'application/json' }).end('{}');
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  cleanUps.push(() => {
    server.closeAllConnections();
    server.close();
  });
  const spans = () =>
    requests.flatMap(({ body }) =>
      body.resourceSpans.flatMap(({ scopeSpans }) => scopeSpans.flatMap((scope) => scope.spans)),
    );
  return {
    endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    requests,
    spans,
    span: (name: string) => {
      const found = spans().filter((span) => span.name === name);
      if (found[0] === undefined || found.length > 1) {
        throw new Error(
          `${found.length} spans named ${name} of ${spans()
            .map((span) => span.name)
            .join()}`,
        );
      }
      return found[0];
    },
  };
}

async function start(endpoint: string | undefined, more: object = {}): Promise<Telemetry> {
  const telemetry = await startTelemetry({ endpoint, serviceName: 'cdpmux', version: '1.2.3', ...more });
  cleanUps.push(() => telemetry.shutdown());
  return telemetry;
}

function setEnv(values: Record<string, string>): void {
  Object.assign(process.env, values);
  cleanUps.push(() => {
    for (const name of Object.keys(values)) delete process.env[name];
  });
}

const asRecord = (attributes: KeyValue[]) =>
  Object.fromEntries(attributes.map(({ key, value }) => [key, value.stringValue ?? value.intValue]));

describe('client traces', () => {
  it('arrive at a collector, commands under their client under the caller', async () => {
    const { endpoint, requests, span } = await collector();
    const telemetry = await start(endpoint);
    const traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';
    const client = ClientTrace.open(ATTRIBUTES, traceparent);
    expect(client.recording).toBe(true);
    client.command('Target.createTarget', undefined)?.end();
    client.command('Runtime.evaluate', 'SESSION')?.end({ code: -32000, message: 'Cannot find context' });
    client.end('client closed');
    await telemetry.shutdown();

    expect(new Set(requests.map(({ path }) => path))).toEqual(new Set(['/v1/traces']));
    const root = span('cdpmux.client');
    expect(root).toMatchObject({
      traceId: '0af7651916cd43dd8448eb211c80319c',
      parentSpanId: 'b7ad6b7169203331',
      kind: SERVER_KIND,
    });
    expect(asRecord(root.attributes)).toEqual({
      'cdpmux.virtual_browser.id': 'vb-1',
      'url.path': '/devtools/browser',
      'cdpmux.label.team': 'search',
      'cdpmux.close.reason': 'client closed',
    });
    const ok = span('Target.createTarget');
    expect(ok).toMatchObject({ traceId: root.traceId, parentSpanId: root.spanId, kind: CLIENT_KIND });
    expect(asRecord(ok.attributes)).toEqual({
      'rpc.system.name': 'cdp',
      'rpc.method': 'Target.createTarget',
    });
    expect(ok.status.code).not.toBe(ERROR_STATUS);
    const failed = span('Runtime.evaluate');
    expect(failed).toMatchObject({ parentSpanId: root.spanId });
    expect(asRecord(failed.attributes)).toMatchObject({
      'cdp.session.id': 'SESSION',
      'rpc.status_code': '-32000',
      'error.type': '-32000',
    });
    expect(failed.status).toEqual({ code: ERROR_STATUS, message: 'Cannot find context' });
  });

  it('say whose they are, where OTEL_SERVICE_NAME and OTEL_RESOURCE_ATTRIBUTES win', async () => {
    const { endpoint, requests } = await collector();
    const first = await start(endpoint);
    ClientTrace.open(ATTRIBUTES).end();
    await first.shutdown();
    setEnv({
      OTEL_SERVICE_NAME: 'checkout-tests',
      OTEL_RESOURCE_ATTRIBUTES: 'deployment.environment.name=ci',
    });
    const second = await start(endpoint);
    ClientTrace.open(ATTRIBUTES).end();
    await second.shutdown();

    const [byDefault, byEnv] = requests.map(({ body }) =>
      asRecord(body.resourceSpans[0]!.resource.attributes),
    );
    expect(byDefault).toMatchObject({ 'service.name': 'cdpmux', 'service.version': '1.2.3' });
    expect(byEnv).toMatchObject({
      'service.name': 'checkout-tests',
      'service.version': '1.2.3',
      'deployment.environment.name': 'ci',
    });
    expect(Object.keys(byEnv ?? {}).filter((key) => key.startsWith('process.'))).toEqual([]);
  });

  it('are not recorded when OTEL_TRACES_SAMPLER or the caller says so', async () => {
    const { endpoint, requests } = await collector();
    const telemetry = await start(endpoint);
    const unsampled = ClientTrace.open(ATTRIBUTES, '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00');
    expect(unsampled.recording).toBe(false);
    expect(unsampled.command('Runtime.evaluate', undefined)).toBeUndefined();
    await telemetry.shutdown();

    setEnv({ OTEL_TRACES_SAMPLER: 'always_off' });
    const off = await start(endpoint);
    expect(ClientTrace.open(ATTRIBUTES).recording).toBe(false);
    await off.shutdown();
    expect(requests).toEqual([]);
  });

  it('never hold the query of the path, where a token may be', async () => {
    const { endpoint, requests } = await collector();
    const telemetry = await start(endpoint);
    ClientTrace.open({ ...ATTRIBUTES, path: '/devtools/browser?token=secret' }).end();
    await telemetry.shutdown();
    expect(requests).toHaveLength(1);
    expect(JSON.stringify(requests)).not.toContain('secret');
  });

  it('name a span only after methods that Chrome knows', async () => {
    const { endpoint, spans } = await collector();
    const telemetry = await start(endpoint);
    const client = ClientTrace.open(ATTRIBUTES);
    client.command('No.such', undefined)?.end({ code: -32601, message: "'No.such' wasn't found" });
    client.command('A.'.padEnd(100_000, 'b'), undefined)?.end({ code: -32601, message: 'not found' });
    client.end();
    await telemetry.shutdown();
    const commands = spans().filter(({ kind }) => kind === CLIENT_KIND);
    expect(commands.map(({ name }) => name)).toEqual(['_OTHER', '_OTHER']);
    expect(asRecord(commands[0]!.attributes)).toMatchObject({
      'rpc.method': '_OTHER',
      'rpc.method_original': 'No.such',
    });
    expect(JSON.stringify(commands).length).toBeLessThan(10_000);
  });

  it('end commands that were never answered with their client, and each span once', async () => {
    const { endpoint, spans, span } = await collector();
    const telemetry = await start(endpoint);
    const client = ClientTrace.open(ATTRIBUTES);
    const unanswered = client.command('Page.navigate', 'SESSION');
    const answered = client.command('Page.enable', 'SESSION');
    answered?.end();
    answered?.end({ code: -32000, message: 'again' });
    client.end();
    client.end('again');
    unanswered?.end();
    expect(client.recording).toBe(false);
    expect(client.command('Page.reload', 'SESSION')).toBeUndefined();
    await telemetry.shutdown();
    expect(spans()).toHaveLength(3);
    expect(span('Page.navigate').status.code).toBe(ERROR_STATUS);
    expect(asRecord(span('Page.navigate').attributes)).toMatchObject({ 'error.type': 'client_gone' });
    expect(span('Page.enable').status.code).not.toBe(ERROR_STATUS);
    expect(asRecord(span('cdpmux.client').attributes)).not.toHaveProperty('cdpmux.close.reason');
  });

  it('start a trace of their own when traceparent is broken', async () => {
    const { endpoint, span } = await collector();
    const telemetry = await start(endpoint);
    ClientTrace.open(ATTRIBUTES, '00-zz-1-01').end();
    await telemetry.shutdown();
    expect(span('cdpmux.client').parentSpanId ?? '').toBe('');
  });
});

describe('startTelemetry', () => {
  // By default the exporter goes on trying for 10 s, long after the test.
  const IMPATIENT = { OTEL_EXPORTER_OTLP_TIMEOUT: '400' };

  it('does nothing without an endpoint', async () => {
    for (const endpoint of [undefined, '']) {
      const telemetry = await start(endpoint);
      expect(ClientTrace.open(ATTRIBUTES).recording).toBe(false);
      await telemetry.shutdown();
    }
  });

  it('loads the SDK only when there is an endpoint', async () => {
    const script = `
      import { createRequire } from 'node:module';
      import { startTelemetry } from './dist/proxy/telemetry.js';
      await startTelemetry({ endpoint: process.argv[1], serviceName: 'cdpmux', version: '0' });
      const loaded = Object.keys(createRequire(import.meta.url).cache).join();
      console.log([...new Set(loaded.match(/@opentelemetry.[a-z-]+/g))].sort().join());`;
    const loadedWith = async (endpoint: string) => {
      const args = ['--input-type=module', '--eval', script, endpoint];
      return (await promisify(execFile)(process.execPath, args)).stdout.trim().split(',');
    };
    expect(await loadedWith('')).toEqual(['@opentelemetry/api']);
    expect(await loadedWith('http://127.0.0.1:1')).toContain('@opentelemetry/sdk-trace-node');
  });

  it('keeps the path of the endpoint', async () => {
    const { endpoint, requests } = await collector();
    for (const path of ['/otlp', '/otlp/']) {
      const telemetry = await start(`${endpoint}${path}`);
      ClientTrace.open(ATTRIBUTES).end();
      await telemetry.shutdown();
    }
    expect(requests.map(({ path }) => path)).toEqual(['/otlp/v1/traces', '/otlp/v1/traces']);
  });

  it.each(['localhost:4318', 'not a url', 'grpc://localhost:4317'])(
    'refuses the endpoint %s',
    async (endpoint) => {
      await expect(start(endpoint)).rejects.toThrow(/OTEL_EXPORTER_OTLP_ENDPOINT must be an http/);
    },
  );

  it('stops in time and says so when the collector never answers', async () => {
    setEnv(IMPATIENT);
    const { endpoint, requests } = await collector({ answers: false });
    const warnings: string[] = [];
    const telemetry = await start(endpoint, {
      shutdownTimeout: 200,
      warn: (message: string) => void warnings.push(message),
    });
    ClientTrace.open(ATTRIBUTES).end();
    await Promise.all([telemetry.shutdown(), telemetry.shutdown()]);
    expect(requests).toHaveLength(1);
    expect(warnings).toEqual([expect.stringMatching(/last spans were not sent: .* longer than 200 ms/)]);
  });

  it('says when the collector is not there', async () => {
    setEnv(IMPATIENT);
    const warnings: string[] = [];
    const telemetry = await start('http://127.0.0.1:1', {
      shutdownTimeout: 200,
      warn: (message: string) => void warnings.push(message),
    });
    ClientTrace.open(ATTRIBUTES).end();
    await telemetry.shutdown();
    expect(warnings.join()).toMatch(/telemetry: .*not sent/);
  });
});
