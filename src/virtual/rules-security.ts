import { everywhere, free, levels, pass, scope, type CommandEntry } from './catalogue-entry.js';
import type { ClientSession } from './client-session.js';
import { objectParams, type Rule } from './rule.js';
import { refuse } from './rules-refused.js';

/**
 * At the root Chrome would ignore the certificates of everybody's sites. In a page's session it is about that page: so it
 * is set in all of the client's, and in those that come.
 */
const ignoreCertificates: Rule = (session, incoming) => {
  const { client } = session;
  const { ignore } = objectParams(incoming);
  if (typeof ignore !== 'boolean') {
    // Chrome finds the words, and does nothing.
    client.forwardChanged(session, incoming, {});
    return;
  }
  client.ignoresCertificates = ignore;
  tellPages(client.root, ignore);
  client.reply(session, incoming.scan.id, {});
};

function tellPages(session: ClientSession, ignore: boolean): void {
  for (const child of session.children) {
    if (child.type === 'page') {
      child.tell(
        'Security.setIgnoreCertificateErrors',
        { ignore },
        child.client.counting(() => undefined),
      );
    }
    tellPages(child, ignore);
  }
}

/** The Security domain. */
export const securityCommands: Record<string, CommandEntry> = {
  enable: everywhere(pass),
  disable: everywhere(pass),
  setIgnoreCertificateErrors: levels(
    scope("set in each of the client's pages, also in those to come", ignoreCertificates, free),
    pass,
  ),
  handleCertificateError: everywhere(pass),
  setOverrideCertificateErrors: levels(refuse('it would act on everybody in it.', free), pass),
};
