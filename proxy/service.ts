import { Mux, type LiveOptions, type OutgoingOptions } from '../src/index.js';
import { Access, tokenRemoved } from './auth/access.js';
import type { Config } from './config.js';
import { drain, type DrainTimes } from './drain.js';
import { createEgress } from './egress/egress-proxy.js';
import type { Resolve } from './egress/resolver.js';
import { withPoolName } from './front-door/api/pool-name.js';
import { FrontDoor } from './front-door/front-door.js';
import type { Log } from './front-door/log.js';
import type { InForce } from './live.js';
import { Reloader, rulesOf, type ReloadReport } from './reload.js';
import { ownVersion } from './version.js';

/** What of the surroundings a service needs. */
export interface Surroundings {
  readonly env: NodeJS.ProcessEnv;
  readonly tmpDir: string;
  readonly log: Log;
  /** Reads the configuration anew, as at the start; without it a reload changes nothing. */
  readonly load?: () => Promise<Config>;
  /** Sets what is logged from now on. */
  readonly setLogLevel?: (level: Config['log']['level']) => void;
  /** Finds addresses for the egress filter; the system's hosts file and DNS servers without it. */
  readonly resolve?: Resolve;
  /** The directory in which `/proc` and `/sys` are, where a container's memory limit is read; `/` without it. */
  readonly systemRoot?: string;
}

/** What a service consists of. */
interface Parts {
  readonly mux: Mux;
  readonly door: FrontDoor;
  readonly reload: () => Promise<ReloadReport>;
  readonly shutdown: () => DrainTimes;
  readonly log: Log;
}

/** A running cdpmux: the library with its front door. */
export class Service {
  readonly mux: Mux;
  readonly door: FrontDoor;

  readonly #reload: () => Promise<ReloadReport>;
  readonly #shutdown: () => DrainTimes;
  readonly #log: Log;

  private constructor({ mux, door, reload, shutdown, log }: Parts) {
    this.mux = mux;
    this.door = door;
    this.#reload = reload;
    this.#shutdown = shutdown;
    this.#log = log;
  }

  /** Starts it; on failure nothing is left running. */
  static async start(config: Config, surroundings: Surroundings): Promise<Service> {
    const { env, tmpDir, log, load, resolve, systemRoot } = surroundings;
    const { chrome, listen, limits, admin, tls, policy } = config;
    const withoutSecrets = without(env, config.auth.variables);
    const egress = createEgress(policy.egress, {
      log,
      strangers: mayBeStrangers(config),
      ...(resolve && { resolve }),
    });
    const mux = new Mux({
      ...liveOf(config, log),
      version: ownVersion(),
      ...(chrome !== undefined && { chrome }),
      env: withoutSecrets,
      tmpDir,
      ...(systemRoot !== undefined && { systemRoot }),
      ...(egress && { egress }),
      onFault: (error) =>
        log('error', 'a message could not be handled', { error: String((error as Error).stack) }),
    });
    mux.feed.listen(({ level, message, type, fields }) =>
      log(level, message, { event: type, ...withPoolName(fields) }),
    );
    const access = new Access(rulesOf(config), config.policy.trust);
    let door: FrontDoor | undefined;
    let { shutdown } = config;
    const reloader = new Reloader(config, load ?? (() => Promise.resolve(config)), {
      applyRules: (rules) => {
        const changes = access.replace(rules);
        for (const name of changes.removed) mux.endTenant(name, tokenRemoved);
        return changes;
      },
      applyTls: (changed) => door?.setTls(changed),
      applySettings: (inForce) => {
        mux.reconfigure(liveOf(inForce, log));
        door?.setLimits(inForce.limits);
        surroundings.setLogLevel?.(inForce.log.level);
        ({ shutdown } = inForce);
      },
    });
    const reload = (): Promise<ReloadReport> => told(reloader.reload(), log);
    try {
      await mux.start();
      door = await FrontDoor.listen({
        mux,
        access,
        host: listen.host,
        port: listen.port,
        ...(tls && { tls }),
        trustForwarded: listen.trustForwarded,
        limits,
        ...(admin.port !== undefined && { admin: { host: admin.host, port: admin.port } }),
        reload,
        log,
      });
      return new Service({ mux, door, reload, shutdown: () => shutdown, log });
    } catch (error) {
      await mux.close(FAILED_START_DEADLINE);
      throw error;
    }
  }

  /** Reads the configuration anew and applies what can be applied; the log has what happened. Never rejects. */
  async reload(): Promise<void> {
    await this.#reload().catch(() => undefined);
  }

  /** Waits until clients have gone, as `shutdown` says; ends early when the signal is aborted. */
  drain(signal: AbortSignal): Promise<void> {
    return drain(this.mux, this.#shutdown(), { signal, log: this.#log });
  }

  /** Stops within about `deadline` ms: clients are told, Chromes end, their profiles go. */
  async close(deadline: number): Promise<void> {
    await Promise.all([this.mux.close(deadline), this.door.close(deadline)]);
  }
}

/** Whether those who come may be strangers: what Chromes are started with depends on it. */
function mayBeStrangers({ policy, auth }: Config): boolean {
  return (policy.trust ?? (auth.required ? 'tenant' : 'local')) === 'tenant';
}

/** What the library takes at its start, and again with each reload. */
function liveOf(config: InForce, log: Log): Required<LiveOptions> {
  const { browsers, pools, connections, stock, batch, health, queue, limits, memory } = config;
  const outgoing = outgoingOf(config, log);
  return { browsers, pools, connections, stock, batch, health, queue, limits, memory, outgoing };
}

/** What of the machine strangers may reach. */
function outgoingOf({ policy, limits }: Pick<Config, 'policy' | 'limits'>, log: Log): OutgoingOptions {
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

/** Chrome inherits the environment, and what runs in it must not find tokens there. */
function without(env: NodeJS.ProcessEnv, variables: readonly string[]): NodeJS.ProcessEnv {
  const kept = Object.entries(env).filter(
    ([name]) => !variables.includes(name) && !name.startsWith('CDPMUX_'),
  );
  return Object.fromEntries(kept);
}

/** A reload, with a line in the log of how it went: who sends a signal gets no other answer. */
async function told(reloading: Promise<ReloadReport>, log: Log): Promise<ReloadReport> {
  try {
    const report = await reloading;
    log('info', 'reloaded', report);
    return report;
  } catch (error) {
    log('warn', 'not reloaded: everything stays as it was', { error: (error as Error).message });
    throw error;
  }
}
