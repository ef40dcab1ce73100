/** How one side reaches cdpmux. */
export interface Party {
  /** The WebSocket of a new virtual browser. */
  readonly wsUrl: string;
  /** The HTTP endpoints of this side's own name. */
  readonly httpUrl: string;
  readonly headers: Readonly<Record<string, string>>;
}

/** Victim and attacker. */
export interface Parties {
  readonly victim: Party;
  readonly attacker: Party;
  /** They come with different tokens; within one token page ids are capabilities. */
  readonly separate: boolean;
}

/** The two sides at one cdpmux: with a token each where there are any, else with a name each. */
export function partiesAt(
  { url, wsUrl }: { readonly url: string; readonly wsUrl: string },
  tokens?: { readonly victim: string; readonly attacker: string },
): Parties {
  const party = (name: 'victim' | 'attacker'): Party => ({
    wsUrl,
    httpUrl: tokens ? url : `${url}/name/of-${name}`,
    headers: tokens ? { authorization: `Bearer ${tokens[name]}` } : {},
  });
  return { victim: party('victim'), attacker: party('attacker'), separate: tokens !== undefined };
}

/** Where the WebSocket of a page is, for a side. */
export function pageUrl({ httpUrl }: Party, targetId: string): string {
  return `${httpUrl.replace(/^http/, 'ws')}/devtools/page/${targetId}`;
}
