import CDP from 'chrome-remote-interface';
import type { Where } from './cri.js';
import { download, inPage } from './cri-session.js';
import { until, type Run } from './scenario.js';

/** The part of the scenario that speaks to the browser's own socket. */
export interface CriBrowser {
  /** Makes a context with a page, works in it. */
  drive(): Promise<unknown>;
  /** All that the browser lists: targets and the number of contexts. */
  listing(): Promise<unknown>;
  /** Disposes of the context, and lists again. */
  closeContext(): Promise<unknown>;
  /** What its watch recorded. */
  events(): unknown;
  close(): Promise<void>;
}

/** Connects to the browser's socket, as `/json/version` names it. */
export async function criBrowser(run: Run, at: Where): Promise<CriBrowser> {
  const { site, tag, watch } = run;
  const { webSocketDebuggerUrl } = await CDP.Version(at);
  const client = await CDP({ ...at, target: webSocketDebuggerUrl, local: true });
  client.on('event', ({ method, params }) => watch.record(method, params));
  await watch.start({
    send: (method, params) => client.send(method as 'Target.getTargets', params ?? {}),
    on: () => undefined,
  });
  let browserContextId = '';

  const listing = async (): Promise<unknown> => {
    const { targetInfos } = await client.Target.getTargets({});
    const { browserContextIds } = await client.Target.getBrowserContexts();
    return {
      targets: targetInfos.map(({ type, url }) => `${type} ${site.plain(url)}`).sort(),
      contexts: browserContextIds.length,
    };
  };

  const drive = async (): Promise<unknown> => {
    ({ browserContextId } = await client.Target.createBrowserContext({}));
    const { targetId } = await client.Target.createTarget({ url: site.url(tag, 'empty'), browserContextId });
    const { sessionId } = await client.Target.attachToTarget({ targetId, flatten: true });
    const loaded = `document.title==='empty of ${tag}'&&document.readyState==='complete'`;
    // while the blank page gives way to the first document there is no script context
    await until(
      'the page to load',
      async () => (await inPage(client, loaded, sessionId).catch(() => false)) || undefined,
    );
    const fresh = await inPage(
      client,
      '({cookie:document.cookie,keys:Object.keys(localStorage)})',
      sessionId,
    );
    await client.Storage.setCookies({
      browserContextId,
      cookies: [{ name: 'second', value: tag, url: site.origin }],
    });
    const { cookies } = await client.Storage.getCookies({ browserContextId });
    const own = (await client.Storage.getCookies({})).cookies
      .map(({ name, value }) => `${name}=${value}`)
      .sort();
    const { targetInfo } = await client.Target.getTargetInfo({ targetId });
    const file = await download(
      run,
      client,
      (params) => client.Browser.setDownloadBehavior({ ...params, browserContextId, eventsEnabled: true }),
      'Browser',
      sessionId,
    );
    return {
      fresh,
      file,
      set: await inPage(client, 'document.cookie', sessionId),
      held: cookies.map(({ name, value }) => `${name}=${value}`),
      own,
      info: {
        type: targetInfo.type,
        attached: targetInfo.attached,
        inContext: targetInfo.browserContextId === browserContextId,
      },
      unknown: await errorOf(client.Target.getTargetInfo({ targetId: 'F'.repeat(32) })),
    };
  };

  const closeContext = async (): Promise<unknown> => {
    await client.Target.disposeBrowserContext({ browserContextId });
    await until(
      'the context to go',
      async () =>
        (await client.Target.getTargets({})).targetInfos.every(
          (info) => info.browserContextId !== browserContextId,
        ) || undefined,
    );
    return listing();
  };

  return {
    drive,
    listing,
    closeContext,
    events: () => ({ types: watch.types, urls: watch.urls.map(site.plain), downloads: watch.downloads() }),
    close: () => client.close(),
  };
}

async function errorOf(command: Promise<unknown>): Promise<string> {
  return command.then(
    () => 'no error',
    (error: Error) => error.message,
  );
}
