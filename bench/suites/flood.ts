import { median, ratios, type Figure } from '../figures.js';
import { openPage, type BenchPage } from '../arrivals.js';
import { openSite } from '../site.js';
import type { Suite } from '../suite.js';

/** Events of one flood. */
const CONSOLE = 5_000;
const REQUESTS = 200;

/** Events that a page makes as fast as it can, until the client has had the last one. */
export const floodSuite: Suite = {
  name: 'flood',
  measures: 'events as fast as a page makes them: console messages, requests of the Network domain',
  async run(run) {
    const site = await openSite();
    run.closers.add(() => site.close());
    const [direct, cdpmux] = [await run.direct(), await run.cdpmux()];
    const pages: BenchPage[] = [];
    for (const { wsUrl } of [direct, cdpmux]) {
      const page = await openPage(wsUrl);
      for (const method of ['Runtime.enable', 'Network.enable', 'Page.enable']) {
        await page.client.request(method, {}, page.sessionId);
      }
      await eventsUntil(page, 'Page.loadEventFired', 1, ['Page.navigate', { url: site.url }]);
      pages.push(page);
    }
    run.closers.add(() => pages.forEach(({ client }) => client.close()));
    const rounds = Math.max(5, Math.round(run.number('rounds') / 2));
    return [
      await flood(
        pages,
        rounds,
        'console messages',
        'Runtime.consoleAPICalled',
        CONSOLE,
        `for(let i=0;i<${CONSOLE};i++)console.log(i)`,
      ),
      await flood(
        pages,
        rounds,
        'requests of the Network domain',
        'Network.loadingFinished',
        REQUESTS,
        `for(let i=0;i<${REQUESTS};i++)void fetch('/?'+i).then((one)=>one.text())`,
      ),
    ];
  },
};

async function flood(
  pages: readonly BenchPage[],
  rounds: number,
  name: string,
  event: string,
  count: number,
  expression: string,
): Promise<Figure> {
  const speeds: [number[], number[]] = [[], []];
  // the first of each is not counted
  for (let round = -1; round < rounds; round++) {
    for (const side of round % 2 === 0 ? ([0, 1] as const) : ([1, 0] as const)) {
      const start = performance.now();
      await eventsUntil(pages[side]!, event, count, ['Runtime.evaluate', { expression }]);
      if (round >= 0) speeds[side].push((count / (performance.now() - start)) * 1_000);
    }
  }
  const [before, after] = speeds;
  return {
    suite: 'flood',
    name,
    unit: 'events/s',
    direct: median(before),
    cdpmux: median(after),
    ratio: ratios(after, before),
    series: { direct: before, cdpmux: after },
  };
}

/** Sends a command, and resolves when so many events of that name have come. */
function eventsUntil(
  { client, sessionId }: BenchPage,
  event: string,
  count: number,
  [method, params]: readonly [string, object],
): Promise<void> {
  const mark = `"method":"${event}"`;
  return client.wait<void>((done) => {
    let seen = 0;
    client.onEvent = (message) => {
      if (!message.subarray(0, 80).includes(mark) || ++seen < count) return;
      client.onEvent = undefined;
      done();
    };
    client.send(method, JSON.stringify(params), sessionId, () => undefined);
  });
}
