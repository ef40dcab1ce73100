import { tmpdir } from 'node:os';
import { loadConfig } from '../../proxy/config.js';
import { Service } from '../../proxy/service.js';
import type { Mux, MuxOptions } from '../../src/index.js';

/** A cdpmux in this process in front of a remote Chrome, with times shorter than settings may be. */
export interface RemoteCdpmux {
  /** `ws://127.0.0.1:<port>/` */
  readonly wsUrl: string;
  readonly mux: Mux;
  close(): Promise<void>;
}

/** Starts one; `settings` are as after `--set`. */
export async function startRemoteCdpmux(
  upstream: string,
  connections: MuxOptions['connections'],
  settings: readonly string[] = [],
): Promise<RemoteCdpmux> {
  const set = [
    `browsers.upstreams=${upstream}`,
    'browsers.virtualPerBrowser=200',
    'listen.port=0',
    ...settings,
  ];
  const config = { ...loadConfig({ flags: { set } }), connections };
  const log = (): void => undefined;
  const service = await Service.start(config, { env: process.env, tmpDir: tmpdir(), log });
  return { wsUrl: service.door.webSocketUrl, mux: service.mux, close: () => service.close(3_000) };
}
