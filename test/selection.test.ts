import { describe, expect, it } from '@jest/globals';
import { CdpClient } from './support/cdp-client.js';
import { chromeExecutable, startChrome, type Kind } from './support/chrome.js';
import { startCdpmux } from './support/cdpmux.js';
import { evaluate, type Page } from './support/page.js';

type Area = { readonly client: CdpClient; readonly page: Page };

/** A text area in a context of its own, which fills the window's top left corner. */
async function openArea(client: CdpClient, text: string): Promise<Area> {
  const { browserContextId } = await client.send<{ browserContextId: string }>('Target.createBrowserContext');
  const about = { url: 'about:blank', browserContextId };
  const { targetId } = await client.send<{ targetId: string }>('Target.createTarget', about);
  const attach = { targetId, flatten: true };
  const { sessionId } = await client.send<{ sessionId: string }>('Target.attachToTarget', attach);
  const page = { targetId, sessionId };
  const area = `globalThis.area=document.createElement('textarea');area.value='${text}';
    area.style='position:fixed;left:0;top:0;width:300px;height:100px';document.body.append(area);`;
  await evaluate(client, page, area);
  return { client, page };
}

/** Clicks at the beginning of the text; the reply comes when the page has done what follows from it. */
async function click({ client, page }: Area, button: string, clickCount: number): Promise<void> {
  await client.send('Page.bringToFront', {}, page.sessionId);
  for (const type of ['mousePressed', 'mouseReleased']) {
    const event = { type, x: 12, y: 10, button, clickCount };
    await client.send('Input.dispatchMouseEvent', event, page.sessionId);
  }
}

/** What a middle click pastes in one context after a word was selected in the other. */
async function pastedAfterSelecting(from: Area, to: Area): Promise<unknown> {
  await click(from, 'left', 1);
  await click(from, 'left', 2);
  const selected = `area.value.slice(area.selectionStart,area.selectionEnd)`;
  expect(await evaluate(from.client, from.page, selected)).toBe('confidential');
  await click(to, 'middle', 1);
  return evaluate(to.client, to.page, 'area.value');
}

describe.each<Kind>(['shell', 'chrome'])('the selection of a neighbour in one Chrome (%s)', (kind) => {
  it('is pasted by a middle click in a Chrome that was started without cdpmux', async () => {
    const chrome = await startChrome({ kind });
    try {
      const client = await CdpClient.connect(chrome.wsUrl);
      const areas = [await openArea(client, 'confidential'), await openArea(client, '')] as const;
      expect(await pastedAfterSelecting(...areas)).toBe('confidential');
      await client.close();
    } finally {
      await chrome.close();
    }
  }, 60_000);

  it('is not pasted in one that cdpmux has launched', async () => {
    const cdpmux = await startCdpmux({ chrome: chromeExecutable(kind), 'browsers.max': 1 });
    try {
      const [mine, theirs] = [await CdpClient.connect(cdpmux.wsUrl), await CdpClient.connect(cdpmux.wsUrl)];
      const areas = [await openArea(theirs, 'confidential'), await openArea(mine, '')] as const;
      expect(await pastedAfterSelecting(...areas)).toBe('');
      await Promise.all([mine.close(), theirs.close()]);
    } finally {
      await cdpmux.close();
    }
  }, 60_000);
});
