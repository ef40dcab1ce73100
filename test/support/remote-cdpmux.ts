import { tmpdir } from 'node:os';
import { loadConfig } from '../../proxy/config.js';
import { Access } from '../../proxy/auth/access.js';
import { FrontDoor } from '../../proxy/front-door/front-door.js';
import { rulesOf } from '../../proxy/reload.js';
import { Mux, type MuxOptions } from '../../src/index.js';

/** A cdpmux in this process in front of a remote Chrome, with times shorter than settings may be. */
export interface RemoteCdpmux {
  /** `ws://127.0.0.1:<port>/` */
  readonly wsUrl: string;
  readonly mux: Mux;
  close(): Promise<void>;
}

/** Starts one. */
export async function startRemoteCdpmux(
  upstream: string,
  connections: NonNullable<MuxOptions['connections']>,
): Promise<RemoteCdpmux> {
  const set = [`browsers.upstreams=${upstream}`, 'browsers.virtualPerBrowser=200', 'listen.port=0'];
  const config = loadConfig({ flags: { set: [...set, 'browsers.max=1'] } });
  const { browsers, queue, limits, listen } = config;
  const mux = new Mux({
    env: process.env,
    tmpDir: tmpdir(),
    browsers,
    queue,
    limits,
    connections,
    outgoing: { allowedSchemes: config.policy.allowedSchemes, directories: [], limits: limits.files },
  });
  await mux.start();
  const door = await FrontDoor.listen({
    mux,
    access: new Access(rulesOf(config), config.policy.trust),
    host: listen.host,
    port: 0,
    trustForwarded: false,
    limits,
    reload: () => Promise.reject(new Error('nothing to reload')),
    log: () => undefined,
  });
  return {
    wsUrl: door.webSocketUrl,
    mux,
    async close() {
      await Promise.all([mux.close(3_000), door.close(3_000)]);
    },
  };
}
