import type { AccessRules, AuthChanges } from './auth/access.js';
import { ConfigError, type Config, type Tls } from './config.js';
import { differs, readLive, type InForce } from './live.js';

/** What a reload has done. */
export interface ReloadReport {
  /** In force from now on. */
  readonly applied: { readonly tokens: AuthChanges; readonly settings: readonly string[] };
  /** Settings that are set otherwise now, and take effect with the next start only. */
  readonly needsRestart: readonly string[];
  /** What else to do for what was applied, in words. */
  readonly notes: readonly string[];
}

/** What can be changed while cdpmux runs. */
export interface Changeable {
  applyRules(rules: AccessRules): AuthChanges;
  applyTls(tls: Tls): void;
  /** Hands what is in force from now on to those who use it. */
  applySettings(inForce: InForce): void;
}

/** Replaced as one with the tokens, and with the certificate. */
const RULES = ['listen.allowedHosts', 'listen.allowedOrigins'];
const TLS = ['listen.tls.cert', 'listen.tls.key'];

/** Reads the configuration anew and applies what can be applied. */
export class Reloader {
  readonly #load: () => Promise<Config>;
  readonly #target: Changeable;
  readonly #started: Config;
  /** As the last reload left it. */
  #current: Config;
  /** One after the other: the later one has read what is newer. */
  #last: Promise<unknown> = Promise.resolve();

  constructor(started: Config, load: () => Promise<Config>, target: Changeable) {
    this.#started = started;
    this.#current = started;
    this.#load = load;
    this.#target = target;
  }

  /** Rejects with a ConfigError when the new configuration is not usable; then everything stays as it was. */
  reload(): Promise<ReloadReport> {
    const done = this.#last.then(() => this.#reload());
    this.#last = done.catch(() => undefined);
    return done;
  }

  async #reload(): Promise<ReloadReport> {
    const [started, before, now] = [this.#started, this.#current, await this.#load()];
    const applied = RULES.filter((name) => differs(before, now, name));
    const live = readLive(started, before, now);
    const { notes } = live;
    const needsRestart = [...live.needsRestart];
    // The first tokens let strangers in, for whom Chromes are started otherwise.
    if (!started.auth.required && now.auth.required) {
      const message =
        'auth.tokens: the first ones need a restart, since Chromes are started otherwise for strangers';
      throw new ConfigError([message]);
    }
    if (started.tls && now.tls) {
      if (JSON.stringify(before.tls) !== JSON.stringify(now.tls)) {
        this.#target.applyTls(now.tls);
        applied.push(...TLS);
      }
    } else needsRestart.push(...TLS.filter((name) => differs(started, now, name)));
    // Once tokens were needed, cdpmux does not open its door while it runs.
    if (before.auth.required && !now.auth.required) needsRestart.push('auth.tokens');
    const required = before.auth.required || now.auth.required;
    this.#current = { ...now, auth: { ...now.auth, required } };
    if (live.changed.length > 0) this.#target.applySettings(live.inForce);
    applied.push(...live.changed);
    const tokens = this.#target.applyRules(rulesOf(now));
    return { applied: { tokens, settings: applied }, needsRestart, notes };
  }
}

/** The part of a configuration that decides who may come in. */
export function rulesOf({ auth, listen: { allowedHosts, allowedOrigins } }: Config): AccessRules {
  return { auth, allowedHosts, allowedOrigins };
}
