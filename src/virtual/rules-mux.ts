import { answer, everywhere, type CommandEntry } from './catalogue-entry.js';
import type { Rule } from './rule.js';

/** Tells a client where it is, and from then on what happens to it. */
const getInfo: Rule = (session, { scan: { id } }) => {
  const { client } = session;
  client.reply(session, id, client.virtual.info);
  client.usesMux();
};

/** The Mux domain, which is cdpmux's own: nothing of it reaches Chrome. */
export const muxCommands: Record<string, CommandEntry> = {
  getInfo: everywhere(answer('where the client is, and with what rights', getInfo)),
};
