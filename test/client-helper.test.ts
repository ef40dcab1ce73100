import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import CDP from 'chrome-remote-interface';
import { chromium } from 'playwright-core';
import puppeteer from 'puppeteer-core';
import { batch, type BatchError, type Resolved, type Scope, type Sender } from '../src/client/batch.js';
import { CdpClient } from './support/cdp-client.js';
import { startCdpmux, type TestCdpmux } from './support/cdpmux.js';
import { startChrome } from './support/chrome.js';
import { eventually } from './support/eventually.js';

let cdpmux: TestCdpmux;
beforeAll(async () => void (cdpmux = await startCdpmux()));
afterAll(() => cdpmux.close());

const HELLO = 'data:text/html,<title>hello</title><p>in one</p>';

/** What the first example of the README does. */
const visit = (one: Scope) => {
  const page = one.newPage();
  page.goto(HELLO);
  const title = page.title();
  const picture = page.screenshot({ format: 'png' });
  page.close();
  return { title, picture };
};

async function visitsWith(sender: Sender): Promise<void> {
  const { title, picture } = await batch(sender, visit);
  expect(title).toBe('hello');
  expect(Buffer.from(picture, 'base64').subarray(1, 4).toString()).toBe('PNG');
}

describe('batch of cdpmux/client', () => {
  it('visits a page in one call of Puppeteer, which goes on as before', async () => {
    const browser = await puppeteer.connect({ browserWSEndpoint: cdpmux.wsUrl });
    const [page] = await browser.pages();
    const before = (await browser.pages()).length;
    await visitsWith(await browser.target().createCDPSession());
    await visitsWith(await page!.createCDPSession());
    // Chrome tells of a page's end after it has answered
    const isGone = async () => (await browser.pages()).length === before;
    await eventually(isGone, { within: 15_000, what: 'the end of the pages that batches opened' });
    const another = await browser.newPage();
    await another.goto(HELLO);
    expect(await another.title()).toBe('hello');
    await browser.close();
  });

  it('visits a page in one call of Playwright, which goes on as before', async () => {
    const browser = await chromium.connectOverCDP(cdpmux.wsUrl);
    await visitsWith(await browser.newBrowserCDPSession());
    const page = await browser.contexts()[0]!.newPage();
    await visitsWith(await page.context().newCDPSession(page));
    await page.goto(HELLO);
    expect(await page.title()).toBe('hello');
    await browser.close();
  });

  it('visits a page in one call of chrome-remote-interface', async () => {
    const client = await CDP({ target: `${cdpmux.wsUrl}devtools/browser` });
    await visitsWith(client);
    await client.close();
  });

  it('uses the session’s own page, and results of commands as parameters of others', async () => {
    const client = await CdpClient.connect(cdpmux.wsUrl);
    const { sessionId } = await client.newPage();
    const send = (method: string, params: object) => client.send<object>(method, params, sessionId);
    const asked = client.received.length;
    const { list, first, node, sum } = await batch(send, ({ page }) => {
      page.goto(HELLO);
      const { root } = page.send('DOM.getDocument', { depth: -1 });
      const { nodeId } = page.send('DOM.querySelector', { nodeId: root.nodeId, selector: 'p' });
      const { outerHTML } = page.send('DOM.getOuterHTML', { nodeId });
      const one = page.evaluate<number>('1');
      return {
        node: outerHTML,
        sum: page.call((a: number, b: { c: string }) => a + b.c.length, one, { c: outerHTML }),
        list: [one, { twice: one }] as const,
        first: page.call(() => Promise.resolve(document.title)),
      };
    });
    expect({ list, first, node, sum }).toEqual({
      list: [1, { twice: 1 }],
      first: 'hello',
      node: '<p>in one</p>',
      sum: 1 + '<p>in one</p>'.length,
    });
    // types are those of the protocol
    const typed: [string, number] = [node, sum];
    expect(typed).toHaveLength(2);
    const answers = client.received.slice(asked).filter(({ id }) => id !== undefined);
    expect(answers).toHaveLength(1);
    await client.close();
  });

  it('waits for events, which come typed', async () => {
    const client = await CdpClient.connect(cdpmux.wsUrl);
    const { said, kind } = await batch(
      (method, params) => client.send(method, params),
      (one) => {
        const page = one.newPage();
        page.send('Runtime.enable');
        page.evaluate('console.log("a")');
        const second = page.evaluate('console.warn("b", 7)');
        const event = page.waitFor('Runtime.consoleAPICalled', { after: second });
        return { said: event.params.args, kind: event.params.type };
      },
    );
    expect(kind).toBe('warning');
    expect(said.map(({ value }) => value as unknown)).toEqual(['b', 7]);
    await client.close();
  });

  it('tells which command failed, and what all came to', async () => {
    const client = await CdpClient.connect(cdpmux.wsUrl);
    const send = (method: string, params: object) => client.send<object>(method, params);
    const fails = (build: (one: Scope) => unknown): Promise<BatchError> =>
      batch(send, build).then(
        () => expect('it').toBe('rejected'),
        (error: BatchError) => error,
      ) as Promise<BatchError>;
    const error = await fails((one) => {
      one.send('Browser.getVersion');
      return one.send('Target.activateTarget', { targetId: 'F'.repeat(32) });
    });
    expect(error).toMatchObject({ name: 'BatchError', code: 'FAILED', index: 1 });
    expect(error.message).toBe(
      'command 1 of the batch, Target.activateTarget: No target with given id found',
    );
    expect(error.results[0]!.result).toHaveProperty('product');
    const thrown = await fails((one) => one.newPage().evaluate('nothing.here'));
    expect(thrown.message).toMatch(
      /^command 2 of the batch, Runtime.evaluate: ReferenceError: nothing is not/,
    );
    const unreachable = await fails((one) => one.newPage().goto('http://127.0.0.1:1/'));
    expect(unreachable.message).toBe('command 3 of the batch, Page.navigate: net::ERR_UNSAFE_PORT');
    await client.close();
  });

  it('with onError continue fails only where what is returned depends on a failure', async () => {
    const client = await CdpClient.connect(cdpmux.wsUrl);
    const send = (method: string, params: object) => client.send<object>(method, params);
    const build = (one: Scope) => ({
      bad: one.send('Target.activateTarget', { targetId: 'F'.repeat(32) }),
      good: one.send('Browser.getVersion').product,
    });
    const good = await batch(send, (one) => build(one).good, { onError: 'continue' });
    expect(good).toContain('Chrome/');
    await expect(batch(send, build, { onError: 'continue' })).rejects.toMatchObject({ index: 0 });
    await client.close();
  });

  it('says on a Chrome without cdpmux that it is one', async () => {
    const chrome = await startChrome();
    const browser = await puppeteer.connect({ browserWSEndpoint: chrome.wsUrl });
    const session = await browser.target().createCDPSession();
    const pages = (await browser.pages()).length;
    await expect(batch(session, visit)).rejects.toMatchObject({
      code: 'NO_MUX',
      message: expect.stringMatching(
        /^This browser has no Mux\.batch, so nothing was run: it is not behind cdpmux/,
      ),
    });
    expect(await browser.pages()).toHaveLength(pages);
    await browser.disconnect();
    await chrome.close();
  });

  it('has types that keep what is no value of the protocol as it is', () => {
    const kept: Resolved<{ a: 1; b: readonly string[] }> = { a: 1, b: ['x'] };
    expect(kept.a).toBe(1);
  });
});
