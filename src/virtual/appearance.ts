import type { Protocol } from 'devtools-protocol';
import { sessionNotFound } from '../cdp/errors.js';
import { CdpmuxError } from '../errors.js';
import type { Upstream } from '../cdp/upstream.js';

/** Of a window, in device-independent pixels. */
export interface WindowSize {
  readonly width: number;
  readonly height: number;
}

/** How the pages of a virtual browser look to the web, where that is to differ from its Chrome. */
export interface Appearance {
  readonly userAgent?: string;
  readonly windowSize?: WindowSize;
}

/** How the pages of a Chrome look that nobody asked anything of. */
export interface ChromeLooks {
  readonly bounds: Protocol.Browser.Bounds;
  /** What client hints are made of, which stay the Chrome's own with another user agent; undefined where it has none. */
  readonly metadata: Protocol.Emulation.UserAgentMetadata | undefined;
}

/** Longest that it may take to find out, ms. */
const DEADLINE = 30_000;
/** Never asked of any network: Chrome shows client hints to secure pages only, and this one is answered here. */
const SECURE_PAGE = 'https://looks.invalid/';
/** With an icon, since full Chrome would ask the network for one. */
const PAGE = {
  responseHeaders: [{ name: 'content-type', value: 'text/html' }],
  body: Buffer.from('<link rel="icon" href="data:,">').toString('base64'),
};
/** Where the user agent is another one, Chrome tells no more than this. */
const ASK_HINTS = `JSON.stringify(navigator.userAgentData ?? null)`;
const UNTOLD = { architecture: '', bitness: '', model: '', platformVersion: '', fullVersionList: [] };

/** Looks at a page of one's own, which is gone afterwards; rejects with PROTOCOL or TIMEOUT. */
export async function looksOfChrome(upstream: Upstream): Promise<ChromeLooks> {
  const { sessionId: holder } = await upstream.request('Target.attachToBrowserTarget', undefined, '');
  const sessions: string[] = [];
  let late: NodeJS.Timeout | undefined;
  try {
    const tooLate = new Promise<never>((_resolve, reject) => {
      const message = `The browser did not show a page within ${DEADLINE} ms; connect again.`;
      late = setTimeout(() => reject(new CdpmuxError('TIMEOUT', message)), DEADLINE).unref();
    });
    const looks = lookAtPage(upstream, holder, (sessionId) => sessions.push(sessionId));
    return await Promise.race([looks, tooLate]);
  } finally {
    clearTimeout(late);
    // its context goes with it, and nothing that is asked there is answered
    upstream.call('Target.detachFromTarget', { sessionId: holder }, '');
    for (const id of [holder, ...sessions]) upstream.failSession(id, sessionNotFound);
  }
}

async function lookAtPage(
  upstream: Upstream,
  holder: string,
  onAttached: (sessionId: string) => void,
): Promise<ChromeLooks> {
  const made = { disposeOnDetach: true };
  const { browserContextId } = await upstream.request('Target.createBrowserContext', made, holder);
  const blank = { url: 'about:blank', browserContextId };
  const { targetId } = await upstream.request('Target.createTarget', blank, holder);
  const attach = { targetId, flatten: true };
  const { sessionId } = await upstream.request('Target.attachToTarget', attach, holder);
  onAttached(sessionId);
  const { bounds } = await upstream.request('Browser.getWindowForTarget', {}, sessionId);
  return { bounds, metadata: await hintsIn(upstream, sessionId) };
}

async function hintsIn(
  upstream: Upstream,
  sessionId: string,
): Promise<Protocol.Emulation.UserAgentMetadata | undefined> {
  upstream.route(sessionId, {
    onEvent: (message, scan) => {
      if (scan.method(message) !== 'Fetch.requestPaused') return;
      const { params } = JSON.parse(message.toString()) as { params: Protocol.Fetch.RequestPausedEvent };
      const { requestId } = params;
      upstream.call('Fetch.fulfillRequest', { requestId, responseCode: 200, ...PAGE }, sessionId);
    },
  });
  try {
    await upstream.request('Fetch.enable', { patterns: [{ urlPattern: '*' }] }, sessionId);
    await upstream.request('Page.navigate', { url: SECURE_PAGE }, sessionId);
    const { result } = await upstream.request('Runtime.evaluate', { expression: ASK_HINTS }, sessionId);
    const hints = JSON.parse(result.value as string) as Protocol.Emulation.UserAgentMetadata | null;
    return hints ? { ...UNTOLD, ...hints } : undefined;
  } finally {
    upstream.unroute(sessionId);
  }
}
