/** How one side reaches cdpmux. */
export interface Party {
  /** The WebSocket of a new virtual browser. */
  readonly wsUrl: string;
  /** The HTTP endpoints of this side's own name. */
  readonly httpUrl: string;
  readonly headers: Readonly<Record<string, string>>;
  /** Each command goes in a `Mux.batch` of its own. */
  readonly inBatches?: boolean;
}

/** Victim and attacker. */
export interface Parties {
  readonly victim: Party;
  readonly attacker: Party;
}

const secrets = { victim: 'the-secret-of-the-victim', attacker: 'the-secret-of-the-attacker' };

/** Settings of a cdpmux where both are strangers with a token each; the site that they work on is on loopback. */
export const strangers: Readonly<Record<string, string>> = {
  'auth.tokens': JSON.stringify(Object.entries(secrets).map(([name, secret]) => ({ name, secret }))),
  'policy.egress.mode': 'off',
};

/** The two sides at a cdpmux with these settings. */
export function partiesAt({ url, wsUrl }: { readonly url: string; readonly wsUrl: string }): Parties {
  const party = (name: 'victim' | 'attacker'): Party => ({
    wsUrl,
    httpUrl: url,
    headers: { authorization: `Bearer ${secrets[name]}` },
  });
  return { victim: party('victim'), attacker: party('attacker') };
}

/** The same with an attacker that sends its commands in batches. */
export function inBatches({ victim, attacker }: Parties): Parties {
  return { victim, attacker: { ...attacker, inBatches: true } };
}

/** Where the WebSocket of a page is, for a side. */
export function pageUrl({ httpUrl }: Party, targetId: string): string {
  return `${httpUrl.replace(/^http/, 'ws')}/devtools/page/${targetId}`;
}
