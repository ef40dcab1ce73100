import { answer, everywhere, type CommandEntry } from './catalogue-entry.js';
import type { Rule } from './rule.js';
import { paramsOf } from './client-command.js';

/** Tells a client where it is, and from then on what happens to it. */
const getInfo: Rule = (session, { scan: { id } }) => {
  const { client } = session;
  client.reply(session, id, client.virtual.info);
  client.usesMux();
};

/** Many commands in one frame. */
const batch: Rule = (session, incoming) => {
  const { client } = session;
  const { id } = incoming.scan;
  const error = client.batches.start(session, id, paramsOf(incoming), incoming.frame.length);
  if (error) client.refuse(session, id, error);
};

/** The Mux domain, which is cdpmux's own: nothing of it reaches Chrome. */
export const muxCommands: Record<string, CommandEntry> = {
  getInfo: everywhere(answer('where the client is, and with what rights', getInfo)),
  batch: everywhere(answer('each command of it by its own rule', batch)),
};
