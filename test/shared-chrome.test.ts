import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { CdpClient, type Message } from './support/cdp-client.js';
import { startCdpmux, type TestCdpmux } from './support/cdpmux.js';
import { evaluate, navigate, openPage } from './support/page.js';
import { openSecureSite, type SecureSite } from './support/secure-site.js';
import { openSite, type Site } from './support/site.js';

/** As Puppeteer's `page.tracing.start()` asks for them. */
const categories =
  '-*,devtools.timeline,v8.execute,disabled-by-default-devtools.timeline,disabled-by-default-devtools.timeline.frame,toplevel,blink.console,blink.user_timing,latencyInfo,disabled-by-default-devtools.timeline.stack,disabled-by-default-v8.cpu_profiler';

describe('what Chrome has one of, shared by virtual browsers', () => {
  let cdpmux: TestCdpmux;
  let site: Site;
  let mine: CdpClient;
  let theirs: CdpClient;

  beforeAll(async () => {
    [cdpmux, site] = await Promise.all([startCdpmux(), openSite()]);
  }, 60_000);

  afterAll(async () => {
    await Promise.all([cdpmux.close(), site.close()]);
  });

  beforeEach(async () => {
    [mine, theirs] = await Promise.all([CdpClient.connect(cdpmux.wsUrl), CdpClient.connect(cdpmux.wsUrl)]);
  });

  afterEach(async () => {
    mine.socket.terminate();
    theirs.socket.terminate();
    await Promise.all([mine.closed, theirs.closed]);
  });

  it.each([
    'SystemInfo.getProcessInfo',
    'Browser.getHistograms',
    'Browser.getBrowserCommandLine',
    'Memory.simulatePressureNotification',
    'Tethering.bind',
    'Extensions.getExtensions',
    'BluetoothEmulation.enable',
    'Storage.trackCacheStorageForOrigin',
    'Fetch.enable',
  ])('refuses %s at the root and says why', async (method) => {
    const { error } = await mine.ask(method, {});
    expect(error).toMatchObject({ code: -32000 });
    expect(error?.message).toMatch(`'${method}' is not available in a shared Chrome: `);
  });

  it.each(['Page.enable', 'Runtime.evaluate', 'Nope.nope', 'Browser.nope', 'toString', ''])(
    'knows no %p at the root, as Chrome',
    async (method) => {
      const { error } = await mine.ask(method, {});
      expect(error?.code).toBe(method === '' ? -32600 : -32601);
    },
  );

  it('hides the command line of Chrome', async () => {
    const info = await mine.send<{ commandLine: string; modelName: string }>('SystemInfo.getInfo');
    expect(info.commandLine).toBe('');
  });

  it('refuses the clipboard, and grants what is the context’s own', async () => {
    const asked = await mine.ask('Browser.grantPermissions', { permissions: ['clipboardReadWrite'] });
    expect(asked.error?.message).toMatch('the clipboard is one for all its virtual browsers');
    const permission = { name: 'clipboard-read' };
    const set = await mine.ask('Browser.setPermission', { permission, setting: 'granted' });
    expect(set.error?.message).toMatch('the clipboard is one for all its virtual browsers');
    await mine.send('Browser.setPermission', { permission, setting: 'denied' });
    const page = await openPage(mine, site.otherUrl('mine', 'home'));
    const other = await openPage(theirs, site.otherUrl('theirs', 'home'));
    await mine.send('Browser.grantPermissions', { permissions: ['geolocation'] });
    const state = `navigator.permissions.query({name:'geolocation'}).then((p)=>p.state)`;
    expect(await evaluate(mine, page, state)).toBe('granted');
    expect(await evaluate(theirs, other, state)).not.toBe('granted');
  });

  it('clears the storage of the own default context when asked at the root', async () => {
    const page = await openPage(mine, site.url('mine', 'home'));
    const other = await openPage(theirs, site.url('theirs', 'home'));
    await evaluate(mine, page, `localStorage.kept='yes'`);
    await evaluate(theirs, other, `localStorage.kept='yes'`);
    await mine.send('Storage.clearDataForOrigin', { origin: site.origin, storageTypes: 'local_storage' });
    await navigate(mine, page, site.url('mine', 'home'));
    await navigate(theirs, other, site.url('theirs', 'home'));
    expect(await evaluate(mine, page, 'localStorage.kept??null')).toBeNull();
    expect(await evaluate(theirs, other, 'localStorage.kept')).toBe('yes');
  });

  describe('with a site whose certificate nobody signed', () => {
    let secure: SecureSite;

    beforeAll(async () => {
      secure = await openSecureSite();
    });

    afterAll(() => secure.close());

    const failureOf = async (client: CdpClient): Promise<string> => {
      const page = await openPage(client, 'about:blank');
      const { errorText = '' } = await client.send<{ errorText?: string }>(
        'Page.navigate',
        { url: secure.url },
        page.sessionId,
      );
      return errorText;
    };

    it('ignores that for the client which asked at its root, in pages before and after', async () => {
      const before = await openPage(mine, 'about:blank');
      await mine.send('Security.setIgnoreCertificateErrors', { ignore: true });
      const { errorText } = await mine.send<{ errorText?: string }>(
        'Page.navigate',
        { url: secure.url },
        before.sessionId,
      );
      expect(errorText).toBeUndefined();
      expect(await failureOf(mine)).toBe('');
      expect(await failureOf(theirs)).toBe('net::ERR_CERT_AUTHORITY_INVALID');
    });
  });

  describe('tracing', () => {
    const completed = (client: CdpClient): Promise<Message> =>
      client.waitFor(({ method }) => method === 'Tracing.tracingComplete', 'the end of the trace');

    const readAll = async (client: CdpClient, handle: unknown, sessionId?: string): Promise<string> => {
      let text = '';
      for (;;) {
        const { data, eof } = await client.send<{ data: string; eof: boolean }>(
          'IO.read',
          { handle, size: 50_000 },
          sessionId,
        );
        text += data;
        if (eof) return text;
      }
    };

    it.each(['page', 'root'])('in a session on the %s shows own pages only, as a stream', async (where) => {
      const page = await openPage(mine, 'about:blank');
      const other = await openPage(theirs, 'about:blank');
      const sessionId = where === 'page' ? page.sessionId : undefined;
      await mine.send('Tracing.start', { categories, transferMode: 'ReturnAsStream' }, sessionId);
      await navigate(mine, page, site.url('mine', 'working'));
      await navigate(theirs, other, site.url('secret', 'working'));
      await mine.send('Tracing.end', {}, sessionId);
      const { params } = await completed(mine);
      const text = await readAll(mine, params?.['stream'], sessionId);
      await mine.send('IO.close', { handle: params?.['stream'] }, sessionId);
      const { traceEvents } = JSON.parse(text) as { traceEvents: { name: string }[] };
      expect(text).toContain(site.url('mine', 'working'));
      expect(text).not.toContain(site.url('secret', 'working'));
      expect(text).not.toContain('cdpmux-');
      expect(new Set(traceEvents.map(({ name }) => name))).toContain('EvaluateScript');
      const closed = await mine.ask('IO.read', { handle: params?.['stream'] }, sessionId);
      expect(closed.error?.message).toBe('Invalid stream handle');
    });

    it('reports events where no stream is asked for', async () => {
      const page = await openPage(mine, 'about:blank');
      const other = await openPage(theirs, 'about:blank');
      await mine.send('Tracing.start', { categories }, page.sessionId);
      await navigate(mine, page, site.url('mine', 'home'));
      await navigate(theirs, other, site.url('secret', 'home'));
      await mine.send('Tracing.end', {}, page.sessionId);
      await completed(mine);
      const data = mine.events.filter(({ method }) => method === 'Tracing.dataCollected');
      expect(JSON.stringify(data)).toContain(site.url('mine', 'home'));
      expect(JSON.stringify(data)).not.toContain(site.url('secret', 'home'));
      expect(JSON.stringify(theirs.received)).not.toContain('Tracing.');
    });

    it('lets the next one in when the first ends, or goes', async () => {
      await mine.send('Tracing.start', { categories });
      const second = theirs.ask('Tracing.start', { categories });
      // it has come when a later command of the same client is answered
      await theirs.send('Browser.getVersion');
      expect(theirs.received.filter(({ error }) => error)).toEqual([]);
      mine.socket.terminate();
      expect((await second).error).toBeUndefined();
      await theirs.send('Tracing.end');
      await completed(theirs);
    });

    it('shows no event that a neighbour’s page named as the browser does', async () => {
      const page = await openPage(mine, site.url('mine', 'empty'));
      const other = await openPage(theirs, site.url('theirs', 'empty'));
      await mine.send('Tracing.start', { categories }, page.sessionId);
      for (const name of ['Screenshot', 'TracingStartedInBrowser', 'FrameCommittedInBrowser']) {
        await evaluate(theirs, other, `performance.mark('${name}',{detail:'a secret'}).name`);
        await evaluate(mine, page, `performance.mark('${name}',{detail:'my own'}).name`);
      }
      await mine.send('Tracing.end', {}, page.sessionId);
      await completed(mine);
      const text = JSON.stringify(mine.events.filter(({ method }) => method === 'Tracing.dataCollected'));
      expect(text).toContain('my own');
      expect(text).not.toContain('a secret');
    });

    it('answers each start of a session that waits', async () => {
      await mine.send('Tracing.start', { categories });
      const waits = theirs.ask('Tracing.start', { categories });
      const again = await theirs.ask('Tracing.start', { categories });
      expect(again.error?.message).toMatch('already been started');
      await mine.send('Tracing.end');
      expect((await waits).error).toBeUndefined();
      await theirs.send('Tracing.end');
      await completed(theirs);
    });

    it('says after 5 s that another one traces', async () => {
      await mine.send('Tracing.start', { categories });
      const { error } = await theirs.ask('Tracing.start', { categories });
      expect(error?.message).toMatch('waited in vain for another client to end its trace');
      expect((await theirs.ask('Tracing.end')).error?.message).toBe('Tracing is not started');
    });
  });
});
