import type { Protocol } from 'devtools-protocol';
import { everywhere, levels, scope, type CommandEntry } from './catalogue-entry.js';
import type { ClientSession } from './client-session.js';
import { givenFile, shownPath, type GivenFile } from './given-files.js';
import { forwardMasked, inContext, isIdLike, objectParams, type Rule, type Unchecked } from './rule.js';
import { notFound } from './rules-refused.js';
import { forTenants, refuseTenant, type Objection } from './rules-url.js';
import type { VirtualBrowser } from './virtual-browser.js';
import type { Incoming, ParsedReply } from './client-command.js';

/** How many files one command may name; each is looked at before the next command. */
const MOST_FILES = 1000;

const NO_FILES =
  'files are not available here, because Chrome runs on another machine; policy.files.directory names a directory that both see';

/** Files are given by the names they were uploaded under; paths only from allowed directories. */
const setFileInputFiles: Rule = (session, incoming) => {
  const { client } = session;
  const { virtual } = client;
  if (!virtual.policy) {
    client.forward(session, incoming);
    return;
  }
  const params = objectParams(incoming);
  const { files } = params;
  if (!isTextList(files)) {
    // Chrome refuses it, and says what is wrong.
    client.forwardChanged(session, incoming, params);
    return;
  }
  if (files.length > MOST_FILES) {
    refuseTenant(session, incoming, `at most ${MOST_FILES} files at a time, not ${files.length}`);
    return;
  }
  const paths: string[] = [];
  for (const file of files) {
    const given = virtual.files ? givenFile(virtual, file) : { refusal: NO_FILES };
    if ('refusal' in given) {
      refuseTenant(session, incoming, given.refusal);
      return;
    }
    paths.push(given.path);
  }
  client.forwardChanged(session, incoming, { ...params, files: paths });
};

/** Tells where a file that a page was given lies; not where that is on this machine. */
const getFileInfo: Rule = (session, incoming) => {
  const { client } = session;
  const { virtual } = client;
  if (!virtual.policy) {
    client.forward(session, incoming);
    return;
  }
  client.forward(session, incoming, (reply: ParsedReply): ParsedReply => {
    if (reply.error) return reply;
    const { path } = reply.result as Protocol.DOM.GetFileInfoResponse;
    return { result: { path: shownPath(virtual, path) } };
  });
};

/**
 * Where a page does not handle a drop, Chrome opens what was dropped. A file becomes a page of `file:`, from which its
 * script goes on to every other file of the machine: so none may be dropped, wherever it lies.
 */
const drag: Objection = ({ data }, urls) => {
  if (typeof data !== 'object' || data === null) return undefined;
  const { items, files } = data as Unchecked;
  if (Array.isArray(files) && files.length > 0) {
    return 'files can not be dropped here, because Chrome would open them as pages that may read all files; use DOM.setFileInputFiles';
  }
  if (!Array.isArray(items)) return undefined;
  for (const item of items as readonly unknown[]) {
    if (typeof item !== 'object' || item === null) continue;
    const { mimeType, data: text } = item as Unchecked;
    if (typeof mimeType !== 'string' || typeof text !== 'string' || !/uri-list/i.test(mimeType)) continue;
    for (const line of [text, ...text.split(/[\r\n]+/)]) {
      const why = urls.refusalOf(line);
      if (why !== undefined) return why;
    }
  }
  return undefined;
};

const setAnyBehavior = inContext('every session');

/**
 * Downloads of a tenant's go into its virtual browser's own directory. The behaviour is set in the virtual browser's
 * session, not the client's: Chrome takes it back with the session, and full Chrome's own is to download into the
 * home directory. So the events are told from there, too.
 */
const setDownloadBehavior: Rule = (session, incoming) => {
  if (session.client.virtual.policy) setTenantBehavior(session, incoming, objectParams(incoming), true);
  else setAnyBehavior(session, incoming);
};

/** The same for the page's own context, without a say in the Browser domain's events. */
const setPageDownloadBehavior: Rule = (session, incoming) => {
  const { virtual } = session.client;
  if (!virtual.policy || session.isBrowser) {
    session.client.forward(session, incoming);
    return;
  }
  const { behavior, downloadPath } = objectParams(incoming);
  const browserContextId =
    virtual.host.target(session.targetId)?.info.browserContextId ?? virtual.defaultContextId;
  setTenantBehavior(session, incoming, { behavior, downloadPath, browserContextId }, false);
};

function setTenantBehavior(
  session: ClientSession,
  incoming: Incoming,
  params: Unchecked,
  saysEvents: boolean,
): void {
  const { client } = session;
  const { virtual } = client;
  const { behavior, downloadPath, eventsEnabled, browserContextId = virtual.defaultContextId } = params;
  const isAllow = behavior === 'allow' || behavior === 'allowAndName';
  const target = isAllow && typeof downloadPath === 'string' ? incomingOf(virtual) : { path: downloadPath };
  if ('refusal' in target) {
    refuseTenant(session, incoming, target.refusal);
    return;
  }
  const changed = {
    // Without a path, or with a behaviour that is no text, Chrome refuses it.
    behavior: isAllow ? 'allowAndName' : typeof behavior === 'string' ? 'deny' : behavior,
    browserContextId,
    ...(isAllow && { downloadPath: target.path }),
    ...(typeof eventsEnabled !== 'boolean' && { eventsEnabled }),
  };
  if (isIdLike(browserContextId) && !virtual.ownsContext(browserContextId)) {
    forwardMasked(session, incoming, changed, 'browserContextId', browserContextId);
    return;
  }
  const rewrite = (reply: ParsedReply): ParsedReply => {
    if (reply.error || !saysEvents) return reply;
    if (eventsEnabled === true) virtual.downloadListeners.add(session);
    else virtual.downloadListeners.delete(session);
    return reply;
  };
  const method = 'Browser.setDownloadBehavior';
  client.forwardChanged(session, incoming, changed, { to: virtual.rootId, method, rewrite });
}

function incomingOf({ files }: VirtualBrowser): GivenFile {
  if (!files) return { refusal: NO_FILES };
  try {
    return { path: files.incoming };
  } catch (error) {
    return {
      refusal: `the directory for downloads could not be made (${(error as NodeJS.ErrnoException).code})`,
    };
  }
}

function isTextList(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.every((one) => typeof one === 'string');
}

/** Files that a page is given, and what is told of them. */
export const domFiles: Record<string, CommandEntry> = {
  setFileInputFiles: levels(
    notFound,
    scope('for strangers only uploaded files, and those of allowed directories', setFileInputFiles),
  ),
  getFileInfo: levels(notFound, scope('to strangers without paths of this machine', getFileInfo)),
};

/** What is dropped on a page. */
export const dragFiles: CommandEntry = levels(
  notFound,
  scope('for strangers no files, and only URLs of allowed schemes', forTenants(drag)),
);

/** Where downloads go. */
export const downloadBehavior: CommandEntry = everywhere(
  scope(
    "browserContextId; without one the virtual browser's default; for strangers into its own directory",
    setDownloadBehavior,
  ),
);

/** The same in the session of a page. */
export const pageDownloadBehavior: CommandEntry = levels(
  notFound,
  scope("for strangers into the virtual browser's own directory", setPageDownloadBehavior),
);
