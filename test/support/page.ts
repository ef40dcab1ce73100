import type { CdpClient, Message } from './cdp-client.js';

/** What `Target.attachedToTarget` says. */
export interface Attached {
  sessionId: string;
  targetInfo: { targetId: string; type: string };
}

/** A target with a session on it. */
export interface Page {
  targetId: string;
  sessionId: string;
}

/** A filter that lets every type of target through. */
export const everything = [{}];

/** The value of an expression, or of what it promises, in a session. */
export const evaluate = async (
  client: CdpClient,
  { sessionId }: Page,
  expression: string,
): Promise<unknown> => {
  const params = { expression, awaitPromise: true, returnByValue: true };
  const { result } = await client.send<{ result: { value?: unknown } }>(
    'Runtime.evaluate',
    params,
    sessionId,
  );
  return result.value;
};

/** Waits until an expression is true in a page. */
export const holds = (client: CdpClient, page: Page, expression: string): Promise<unknown> =>
  evaluate(
    client,
    page,
    `new Promise((done)=>{const look=()=>(${expression})?done(true):setTimeout(look,5);look()})`,
  );

/** Goes to a URL and waits until it is loaded. */
export const navigate = async (client: CdpClient, page: Page, url: string): Promise<void> => {
  await client.send('Page.enable', {}, page.sessionId);
  const before = client.received.length;
  await client.send('Page.navigate', { url }, page.sessionId);
  const isLoaded = ({ method, sessionId }: Message): boolean =>
    method === 'Page.loadEventFired' && sessionId === page.sessionId;
  await client.until(() => client.received.slice(before).some(isLoaded), `the load of ${url}`);
};

/** A page of a site's with sessions on whatever belongs to it. */
export const openPage = async (client: CdpClient, url: string): Promise<Page> => {
  const page = await client.newPage();
  const attach = { autoAttach: true, waitForDebuggerOnStart: false, flatten: true, filter: everything };
  await client.send('Target.setAutoAttach', attach, page.sessionId);
  await navigate(client, page, url);
  return page;
};

/** The first session on a target of a type that this client was given. */
export const attachedTo = async (client: CdpClient, type: string): Promise<Page> => {
  const isIt = ({ method, params }: Message): boolean =>
    method === 'Target.attachedToTarget' && (params as unknown as Attached).targetInfo.type === type;
  const { params } = await client.waitFor(isIt, `a session on a ${type}`);
  const { sessionId, targetInfo } = params as unknown as Attached;
  return { sessionId, targetId: targetInfo.targetId };
};

/** All ids that Chrome or cdpmux gave the victim: what nobody else may ever see. */
export const idsOf = (client: CdpClient): Set<string> => {
  const ids = new Set<string>();
  const names = new Set(['targetId', 'sessionId', 'browserContextId', 'frameId', 'guid', 'loaderId']);
  const look = (value: unknown, name = ''): void => {
    if (typeof value === 'string' && names.has(name) && value.length >= 32) ids.add(value);
    if (typeof value === 'object' && value !== null) {
      for (const [key, member] of Object.entries(value)) look(member, key);
    }
  };
  client.received.forEach((message) => look(message));
  return ids;
};
