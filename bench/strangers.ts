// A cdpmux whose clients are strangers to each other: each comes on behalf of the tenant that its label.tenant names.
//   node strangers.js <path of a Chrome> [setting=value …], with an IPC channel, to which it sends its URL
import { tmpdir } from 'node:os';

import { loadConfig } from '../proxy/config.js';
import { FrontDoor } from '../proxy/front-door/front-door.js';
import { Mux, type Admission, type Seat } from '../src/index.js';

class StrangersMux extends Mux {
  override admit(request: Admission): Promise<Seat> {
    const { tenant = 'nobody' } = request.labels;
    return super.admit({ ...request, tenant: { name: tenant, trust: 'tenant' } });
  }
}

const [chrome = '', ...set] = process.argv.slice(2);
const { browsers, queue, limits } = loadConfig({ flags: { chrome, set } });
const mux = new StrangersMux({ chrome, env: process.env, tmpDir: tmpdir(), browsers, queue, limits });
await mux.start();
const door = await FrontDoor.listen({
  mux,
  host: '127.0.0.1',
  port: 0,
  allowedHosts: [],
  trustForwarded: false,
  limits,
  log: (level, message, fields) => level === 'error' && console.error(message, fields),
});
process.send?.({ url: door.webSocketUrl });
process.once('disconnect', () => {
  void Promise.all([mux.close(5_000), door.close(1_000)]).then(() => process.exit());
});
