import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { withoutSampling } from '../src/virtual/trace-categories.js';
import { CdpClient } from './support/cdp-client.js';
import { startCdpmux, type TestCdpmux } from './support/cdpmux.js';

const PROFILER = 'disabled-by-default-v8.cpu_profiler';
const SECRET = 'a-secret-of-more-than-16-characters';

describe('categories of a trace', () => {
  it('are left as they are, but those for which all processes of a Chrome are sampled', () => {
    const fine = ['-*', '*', 'devtools.timeline', 'v8.execute', 'disabled-by-default-devtools.timeline*'];
    expect(withoutSampling(fine)).toEqual(fine);
    expect(withoutSampling([PROFILER, `${PROFILER}.hires`, 'disabled-by-default-memory-infra'])).toEqual([]);
    expect(withoutSampling(['disabled-by-default-v8.gc', 'toplevel'])).toHaveLength(2);
  });

  it.each([
    ['disabled-by-default-*', 'disabled-by-default-v8.cpu_?rofiler', ` ${PROFILER} `],
    [`toplevel,${PROFILER}`, 'disabled-by-default-*.hires', 'disabled-by-default-cpu*'],
    ['disabled-by-default-v8.*', 'disabled-by-default-v8.cpu\\_profiler', 'disabled-by-default-*profiler'],
  ])('are found in whatever pattern means one of those: %s, %s, %s', (...patterns) => {
    expect(withoutSampling(patterns)).toEqual([]);
  });

  it('are names only', () => {
    expect(withoutSampling([1, null, ['*'], 'toplevel'])).toEqual(['toplevel']);
  });
});

interface Chunk {
  readonly name: string;
}

describe('a trace with V8’s profiler', () => {
  let open: TestCdpmux;
  let guarded: TestCdpmux;
  const clients: CdpClient[] = [];
  beforeAll(async () => {
    open = await startCdpmux();
    guarded = await startCdpmux({ 'auth.tokens': JSON.stringify([{ name: 'a', secret: SECRET }]) });
  });
  afterAll(async () => {
    for (const client of clients) await client.close();
    await open.close();
    await guarded.close();
  });

  /** The names of events in a trace of a page that has something to do. */
  async function traced(url: string, params: object): Promise<Set<string>> {
    const client = await CdpClient.connect(url);
    clients.push(client);
    const { sessionId } = await client.newPage();
    await client.send('Tracing.start', { ...params, transferMode: 'ReportEvents' }, sessionId);
    // its process hears of the trace a little later than Chrome answers
    const expression =
      'for (const end = Date.now() + 100; Date.now() < end; ) JSON.stringify([end]); console.timeStamp("here")';
    for (let turn = 0; turn < 5; turn++) await client.send('Runtime.evaluate', { expression }, sessionId);
    const over = client.waitFor(({ method }) => method === 'Tracing.tracingComplete', 'the end of the trace');
    await client.send('Tracing.end', {}, sessionId);
    await over;
    const data = client.events.filter(({ method }) => method === 'Tracing.dataCollected');
    const chunks = data.flatMap(({ params: part }) => (part as { value: Chunk[] }).value);
    return new Set(chunks.map(({ name }) => name));
  }

  const asked = [
    { categories: `-*,v8.execute,devtools.timeline,${PROFILER}` },
    { traceConfig: { includedCategories: ['v8.execute', PROFILER] } },
  ];

  it.each(asked)('has its samples for whoever may use this machine: %j', async (params) => {
    expect([...(await traced(open.wsUrl, params))]).toContain('ProfileChunk');
  });

  it.each(asked)(
    'has all but its samples for strangers, since neighbours would pay for them: %j',
    async (params) => {
      const names = await traced(`${guarded.wsUrl}?token=${SECRET}`, params);
      expect([...names]).toContain('TimeStamp');
      expect([...names]).not.toContain('ProfileChunk');
    },
  );

  it('has its samples for a stranger in a Chrome of its own', async () => {
    const url = `${guarded.wsUrl}?token=${SECRET}&mode=exclusive`;
    expect([...(await traced(url, asked[0]!))]).toContain('ProfileChunk');
  });

  it('is one of nothing else where nothing else was asked for', async () => {
    const names = await traced(`${guarded.wsUrl}?token=${SECRET}`, { categories: PROFILER });
    expect([...names]).not.toContain('ProfileChunk');
    expect([...names]).not.toContain('navigationStart');
  });

  it('has dumps of memory for who may use this machine, and none for strangers: all processes stop for one', async () => {
    for (const [url, outcome] of [
      [open.wsUrl, { result: expect.anything() }],
      [`${guarded.wsUrl}?token=${SECRET}`, { error: expect.objectContaining({ code: -32000 }) }],
    ] as const) {
      const client = await CdpClient.connect(url);
      clients.push(client);
      await client.send('Tracing.start', { categories: 'disabled-by-default-memory-infra' });
      expect(await client.ask('Tracing.requestMemoryDump')).toMatchObject(outcome);
      await client.send('Tracing.end');
    }
  });
});
