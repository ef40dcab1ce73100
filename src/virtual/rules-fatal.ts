import { free, levels, scope, type CommandEntry, type Entry } from './catalogue-entry.js';
import { type Rule } from './rule.js';
import { notAvailable, notFound } from './rules-refused.js';

/** Passes a command on in sessions of some types of target; Chrome dies of it in others, and takes everybody along. */
function notIn(types: readonly string[], where: string): Entry {
  const fatal = notAvailable(`Chrome crashes of it in a session of ${where}; send it in the page's session.`);
  const rule: Rule = (session, incoming) => {
    if (types.includes(session.type)) fatal(session, incoming);
    else session.client.forward(session, incoming);
  };
  return scope(`not in sessions of ${where}, where Chrome crashes of it`, rule, free);
}

const cookies: CommandEntry = levels(
  notFound,
  notIn(['worker', 'shared_worker', 'service_worker', 'worklet'], 'a worker'),
);

/** Cookies by the Network domain. */
export const networkCookies: Record<string, CommandEntry> = {
  setCookie: cookies,
  setCookies: cookies,
  deleteCookies: cookies,
  getCookies: cookies,
  getAllCookies: cookies,
  clearBrowserCookies: cookies,
};

/** Emulation that only a page as a whole can have. */
export const emulationInFrames: Record<string, CommandEntry> = {
  setDisplayFeaturesOverride: levels(notFound, notIn(['iframe'], 'a frame')),
  clearDisplayFeaturesOverride: levels(notFound, notIn(['iframe'], 'a frame')),
};
