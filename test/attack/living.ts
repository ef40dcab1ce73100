import type { Site } from '../support/site.js';
import { attachedIn, closePage, openPage } from './page.js';
import type { Wire } from './wire.js';

/** In whatever the victim has and in all its URLs: who reads it and has not sent it has read the victim's. */
export const SECRET = 'kept-by-victim';

/** Works for a while, with all that others could hear, and leaves everything as it was. */
export async function live(wire: Wire, site: Site): Promise<void> {
  const page = await openPage(wire, site.url(SECRET, 'home'));
  await wire.evaluate(page.sessionId, `console.log('${SECRET}'),fetch('data.json').then((r)=>r.text())`);
  await wire.evaluate(page.sessionId, `say('${SECRET}');globalThis.child=window.open('popup');1`);
  const popup = await wire.event(
    'Target.targetCreated',
    ({ params }) => (params?.['targetInfo'] as { openerId?: string }).openerId === page.targetId,
  );
  await wire.evaluate(page.sessionId, `document.getElementById('download').click()`);
  await wire.event('Browser.downloadProgress', ({ params }) => params?.['state'] === 'completed');
  const { browserContextId } = await wire.send<{ browserContextId: string }>('Target.createBrowserContext');
  const inside = await openPage(wire, site.url(SECRET, 'working'), browserContextId);
  await attachedIn(wire, inside.sessionId, 'worker');
  const { targetId } = (popup.params as { targetInfo: { targetId: string } }).targetInfo;
  await wire.send('Target.disposeBrowserContext', { browserContextId });
  for (const id of [targetId, page.targetId]) await closePage(wire, id);
}

/** Opens three pages in contexts of their own, lets them work, and stays until told to leave. */
export async function stay(wire: Wire, site: Site): Promise<() => Promise<void>> {
  const contexts: string[] = [];
  for (let n = 0; n < 3; n++) {
    const { browserContextId } = await wire.send<{ browserContextId: string }>('Target.createBrowserContext');
    contexts.push(browserContextId);
    await openPage(wire, site.url(SECRET, 'home'), browserContextId);
  }
  return async () => {
    for (const browserContextId of contexts)
      await wire.send('Target.disposeBrowserContext', { browserContextId });
  };
}

const clipboard = ['clipboardReadWrite', 'clipboardSanitizedWrite'];

/** Puts a text on the clipboard from a page of its own, and gives a function that reads it again there. */
export async function copy(wire: Wire, site: Site): Promise<{ wrote: string; paste: () => Promise<string> }> {
  // full Chrome gives a context a window of its own, in which bringing a page to the front hides no other
  const { browserContextId } = await wire.send<{ browserContextId: string }>('Target.createBrowserContext');
  await wire.ask('Browser.grantPermissions', {
    permissions: ['geolocation', ...clipboard],
    origin: site.origin,
    browserContextId,
  });
  const page = await openPage(wire, site.url(SECRET, 'empty'), browserContextId);
  await wire.send('Page.bringToFront', {}, page.sessionId);
  const say = (call: string): Promise<string> =>
    wire.evaluate(page.sessionId, `navigator.clipboard.${call}.catch((e)=>'refused: '+e.message)`);
  await say(`writeText('${SECRET}').then(()=>'done')`);
  // a page that has a user's gesture needs no permission
  const select = `const area=document.createElement('textarea');area.value='${SECRET}';document.body.append(area);area.select()`;
  const wrote = await wire.send<{ result: { value: boolean } }>(
    'Runtime.evaluate',
    {
      expression: `(()=>{${select};return document.execCommand('copy')})()`,
      userGesture: true,
      returnByValue: true,
    },
    page.sessionId,
  );
  const all = {
    type: 'rawKeyDown',
    key: 'a',
    modifiers: 2,
    windowsVirtualKeyCode: 65,
    commands: ['selectAll'],
  };
  await wire.send('Input.dispatchKeyEvent', all, page.sessionId);
  if (!wrote.result.value) throw new Error('the victim could not copy: this attack would show nothing');
  return {
    wrote: 'done',
    paste: async () => {
      await wire.send('Page.bringToFront', {}, page.sessionId);
      const text = await say('readText()');
      await wire.send('Target.disposeBrowserContext', { browserContextId });
      return text;
    },
  };
}
