import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { CdpClient } from './support/cdp-client.js';
import { startChrome, type DirectChrome, type Kind } from './support/chrome.js';
import { eventually } from './support/eventually.js';
import { HostedClient, openHost, type Hosted } from './support/hosted.js';
import { openSite, type Site } from './support/site.js';

const launched = { ownsBrowser: true, isKept: () => false };
const remote = { ownsBrowser: false, isKept: () => false };

describe.each<Kind>(['shell', 'chrome'])('an audit of what a Chrome has (%s)', (kind) => {
  let chrome: DirectChrome;
  let site: Site;
  /** Acts behind the back of cdpmux. */
  let behind: CdpClient;
  let hosted: Hosted;
  let client: HostedClient;
  let opened = 0;

  beforeAll(async () => {
    [chrome, site] = await Promise.all([startChrome({ kind }), openSite()]);
    behind = await CdpClient.connect(chrome.wsUrl);
  }, 60_000);

  afterAll(async () => {
    await behind.close();
    await Promise.all([chrome.close(), site.close()]);
  });

  beforeEach(async () => {
    hosted = await openHost(chrome.wsUrl);
    client = await HostedClient.open(hosted.host, `virtual-${++opened}`);
    await client.ask('Target.setDiscoverTargets', { discover: true, filter: [{}] });
  });

  afterEach(() => hosted.close());

  const contexts = async (): Promise<string[]> =>
    (await behind.send<{ browserContextIds: string[] }>('Target.getBrowserContexts')).browserContextIds;

  it('finds no difference where everything is in use', async () => {
    const { host } = hosted;
    const { browserContextId } = await client.ask<{ browserContextId: string }>(
      'Target.createBrowserContext',
    );
    const auto = { autoAttach: true, waitForDebuggerOnStart: false, flatten: true, filter: [{}] };
    for (const page of ['home', 'frames', 'working', 'serving']) {
      for (const context of [undefined, browserContextId]) {
        const where = { url: 'about:blank', ...(context !== undefined && { browserContextId: context }) };
        const { targetId } = await client.ask<{ targetId: string }>('Target.createTarget', where);
        const attach = { targetId, flatten: true };
        const { sessionId } = await client.ask<{ sessionId: string }>('Target.attachToTarget', attach);
        await client.ask('Target.setAutoAttach', auto, sessionId);
        await client.ask('Page.navigate', { url: site.url('audited', page) }, sessionId);
        if (page !== 'home') continue;
        const expression = `open('popup');new SharedWorker('worker.js');1`;
        await client.ask('Runtime.evaluate', { expression, userGesture: true }, sessionId);
      }
    }
    const types = (): Set<string> => new Set(client.virtual.targets().map(({ info }) => info.type));
    const expected = ['iframe', 'page', 'service_worker', 'shared_worker', 'tab', 'worker'];
    await eventually(() => expected.every((type) => types().has(type)), {
      within: 15_000,
      what: 'all types',
    });
    for (let round = 0; round < 4; round++) expect(await host.audit(remote)).toEqual({});
    expect(types()).toEqual(new Set([...types(), ...expected]));
  }, 60_000);

  it('disposes a context that nobody owns when it finds it twice, and only in a Chrome of cdpmux’s own', async () => {
    const { browserContextId } = await behind.send<{ browserContextId: string }>(
      'Target.createBrowserContext',
    );
    for (let round = 0; round < 3; round++) expect(await hosted.host.audit(remote)).toEqual({});
    expect(await hosted.host.audit(launched)).toEqual({});
    expect(await contexts()).toContain(browserContextId);
    expect(await hosted.host.audit(launched)).toEqual({ context_disposed: 1 });
    await eventually(async () => !(await contexts()).includes(browserContextId));
    expect(await client.ask('Browser.getVersion')).toHaveProperty('product');
    expect(await contexts()).toContain(client.virtual.defaultContextId);
  });

  it('forgets a context that is gone, and its place in the quota', async () => {
    const { host } = hosted;
    const { browserContextId } = await client.ask<{ browserContextId: string }>(
      'Target.createBrowserContext',
    );
    const where = { url: 'about:blank', browserContextId };
    const { targetId } = await client.ask<{ targetId: string }>('Target.createTarget', where);
    await behind.send('Target.disposeBrowserContext', { browserContextId });
    await eventually(() => client.heardOf(targetId).includes('Target.targetDestroyed'));
    expect(await host.audit(remote)).toEqual({});
    expect(client.virtual.ownsContext(browserContextId)).toBe(true);
    expect(await host.audit(remote)).toEqual({ context_forgotten: 1 });
    expect(client.virtual.ownsContext(browserContextId)).toBe(false);
    expect(client.virtual.quota.count('contexts')).toBe(0);
    expect(client.closed).toBeUndefined();
  });

  it('ends a virtual browser whose default context is gone', async () => {
    const browserContextId = client.virtual.defaultContextId;
    await behind.send('Target.disposeBrowserContext', { browserContextId });
    await hosted.host.audit(remote);
    expect(await hosted.host.audit(remote)).toMatchObject({ context_forgotten: 1 });
    expect(client.closed).toEqual({ code: 4502, reason: 'its pages were lost: connect again' });
    expect([hosted.host.contextCount, hosted.host.targetCount, hosted.host.sessionCount]).toEqual([0, 0, 0]);
  });

  it('learns a target of an own context that it does not know, and tells the client', async () => {
    const { host } = hosted;
    const { targetId } = client.virtual.targets().find(({ info }) => info.type === 'page')!.info;
    const attach = { targetId, flatten: true };
    const { sessionId } = await client.ask<{ sessionId: string }>('Target.attachToTarget', attach);
    await client.ask('Runtime.evaluate', { expression: '1' }, sessionId);
    await client.ask('Target.detachFromTarget', { sessionId });
    host.forgetTarget(targetId);
    client.received.length = 0;
    expect(await host.audit(remote)).toEqual({});
    expect(client.virtual.owns(targetId)).toBe(false);
    expect(await host.audit(remote)).toEqual({ target_learned: 1 });
    expect([client.virtual.owns(targetId), client.heardOf(targetId)]).toEqual([
      true,
      ['Target.targetCreated'],
    ]);
  });

  it('forgets a target that is gone, with what its client would have heard', async () => {
    const { host } = hosted;
    const [page] = client.virtual.targets();
    const never = 'F'.repeat(32);
    host.learn({ ...page!.info, targetId: never });
    expect(client.heardOf(never)).toEqual(['Target.targetCreated']);
    await host.audit(remote);
    expect(await host.audit(remote)).toEqual({ target_forgotten: 1 });
    expect(client.heardOf(never)).toEqual(['Target.targetCreated', 'Target.targetDestroyed']);
    expect(host.target(never)).toBeUndefined();
    expect(await host.audit(remote)).toEqual({});
  });

  it('ends a virtual browser that no client is left of, unless it is kept', async () => {
    const { host } = hosted;
    const other = await HostedClient.open(host, 'left');
    other.leave();
    const kept = { ...remote, isKept: () => true };
    for (let round = 0; round < 3; round++) expect(await host.audit(kept)).toEqual({});
    await host.audit(remote);
    expect(await host.audit(remote)).toEqual({ virtual_browser_ended: 1 });
    expect([...host.virtuals]).toEqual([client.virtual]);
    await eventually(async () => !(await contexts()).includes(other.virtual.defaultContextId));
  });

  it('rejects when the connection is lost, and gives one report to all who ask at once', async () => {
    const { host } = hosted;
    const reports = await Promise.all([host.audit(remote), host.audit(remote)]);
    expect(reports[0]).toBe(reports[1]);
    const report = host.audit(remote);
    await Promise.all([expect(report).rejects.toMatchObject({ code: 'PROTOCOL' }), hosted.close()]);
  });
});
