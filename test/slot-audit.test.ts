import { describe, expect, it } from '@jest/globals';
import { CdpClient } from './support/cdp-client.js';
import { startChrome } from './support/chrome.js';
import { startCdpmux } from './support/cdpmux.js';

describe('the audit of all browsers', () => {
  it('counts what it mends and tells of it', async () => {
    const chrome = await startChrome();
    const cdpmux = await startCdpmux({ 'browsers.upstreams': chrome.wsUrl });
    try {
      const { mux } = cdpmux;
      const [behind, client, kept] = await Promise.all([
        CdpClient.connect(chrome.wsUrl),
        CdpClient.connect(cdpmux.wsUrl),
        CdpClient.connect(`${cdpmux.wsUrl}name/kept/`),
      ]);
      await kept.close();
      const context = await client.send<{ browserContextId: string }>('Target.createBrowserContext');
      await behind.send('Target.disposeBrowserContext', context);
      const strange = await behind.send<{ browserContextId: string }>('Target.createBrowserContext');
      expect([await mux.audit(), await mux.audit(), await mux.audit()]).toEqual([
        {},
        { context_forgotten: 1 },
        {},
      ]);
      const [event] = mux.feed.after(0).filter(({ type }) => type === 'audit.mended');
      expect(event).toMatchObject({ level: 'warn', fields: { what: 'context_forgotten', count: 1 } });
      const { body } = await mux.metricsText();
      expect(body).toContain('\ncdpmux_slot_audit_mended_total{what="context_forgotten"} 1\n');
      // a remote Chrome has others' contexts too
      await behind.send('Target.disposeBrowserContext', strange);
      expect(mux.stats()).toMatchObject({ virtualBrowsers: 2, clients: 1 });
      await Promise.all([behind.close(), client.close()]);
    } finally {
      await cdpmux.close();
      await chrome.close();
    }
  }, 60_000);
});
