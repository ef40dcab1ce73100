import { expect, it } from '@jest/globals';
import { startCdpmux } from './support/cdpmux.js';

it('tells strangers without tokens no figures of all, but those who come to admin.port', async () => {
  const cdpmux = await startCdpmux({ 'policy.trust': 'tenant', 'admin.port': 0 });
  try {
    const refused = await fetch(`${cdpmux.url}/metrics`);
    expect(refused.status).toBe(403);
    expect(await refused.text()).toContain('admin.port');
    expect((await fetch(`http://127.0.0.1:${cdpmux.adminPort}/metrics`)).status).toBe(200);
    expect((await fetch(`${cdpmux.url}/readyz`)).status).toBe(200);
  } finally {
    await cdpmux.close();
  }
}, 60_000);
