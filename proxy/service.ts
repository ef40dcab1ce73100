import { everybody, Mux, type OutgoingOptions } from '../src/index.js';
import type { Config } from './config.js';
import { FrontDoor } from './front-door/front-door.js';
import type { Log } from './front-door/log.js';

/** What of the surroundings a service needs. */
export interface Surroundings {
  readonly env: NodeJS.ProcessEnv;
  readonly tmpDir: string;
  readonly log: Log;
}

/** A running cdpmux: the library with its front door. */
export class Service {
  readonly mux: Mux;
  readonly door: FrontDoor;

  private constructor(mux: Mux, door: FrontDoor) {
    this.mux = mux;
    this.door = door;
  }

  /** Starts it; on failure nothing is left running. */
  static async start(config: Config, { env, tmpDir, log }: Surroundings): Promise<Service> {
    const { chrome, browsers, queue, listen, limits, admin } = config;
    const mux = new Mux({
      ...(chrome !== undefined && { chrome }),
      env,
      tmpDir,
      browsers,
      queue,
      outgoing: outgoingOf(config, log),
    });
    try {
      await mux.start();
      const door = await FrontDoor.listen({
        mux,
        tenant: { ...everybody, trust: config.policy.trust ?? everybody.trust },
        host: listen.host,
        port: listen.port,
        allowedHosts: listen.allowedHosts,
        trustForwarded: listen.trustForwarded,
        limits,
        ...(admin.port !== undefined && { admin: { host: admin.host, port: admin.port } }),
        log,
      });
      return new Service(mux, door);
    } catch (error) {
      await mux.close(FAILED_START_DEADLINE);
      throw error;
    }
  }

  /** Stops within about `deadline` ms: clients are told, Chromes end, their profiles go. */
  async close(deadline: number): Promise<void> {
    await Promise.all([this.mux.close(deadline), this.door.close(deadline)]);
  }
}

/** What of the machine strangers may reach. */
function outgoingOf({ policy, limits }: Config, log: Log): OutgoingOptions {
  return {
    allowedSchemes: policy.allowedSchemes,
    directories: policy.files.allow,
    ...(policy.files.directory !== undefined && { filesDirectory: policy.files.directory }),
    limits: limits.files,
    onDownloadCanceled: (canceled) => log('warn', 'a download was canceled', canceled),
  };
}

/** How long Chromes get to end when the start failed, ms. */
const FAILED_START_DEADLINE = 2_000;
