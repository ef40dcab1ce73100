/** On whose behalf clients come: one for each token, and `everybody` where there are no tokens. */
export interface Tenant {
  /** The token's name; names, ids and pages of virtual browsers mean something within one tenant only. */
  readonly name: string;
  /**
   * `local`: paths and files as with a Chrome of one's own. `tenant`: a stranger, who must not reach this machine's
   * files, its network, or what other tenants have.
   */
  readonly trust: 'local' | 'tenant';
}

/** Who comes where no token is needed: whoever reaches the port, which only this machine does. */
export const everybody: Tenant = Object.freeze({ name: '', trust: 'local' });
