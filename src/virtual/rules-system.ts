import type { Protocol } from 'devtools-protocol';
import { everywhere, free, freeForLocal, levels, pass, scope, type CommandEntry } from './catalogue-entry.js';
import type { Rule } from './rule.js';
import { pausing } from './rules-fatal.js';
import { notForStrangers, notFound, refuse } from './rules-refused.js';
import { onResult } from './rule.js';

/** Chrome's command line tells of paths on its machine. */
const withoutCommandLine: Rule = (session, incoming) => {
  const hide = onResult<Protocol.SystemInfo.GetInfoResponse>((info) => ({ ...info, commandLine: '' }));
  session.client.forward(session, incoming, hide);
};

const wholeChrome = refuse('it would act on everybody in it.', free);

/** The machine that Chrome runs on. */
export const systemInfoCommands: Record<string, CommandEntry> = {
  getInfo: everywhere(scope('without the command line', withoutCommandLine, freeForLocal)),
  getFeatureState: everywhere(pass),
  getProcessInfo: everywhere(refuse("it tells of everybody's processes.", free)),
};

/** Memory of the whole browser, and of a page's own process. */
export const memoryCommands: Record<string, CommandEntry> = {
  getDOMCounters: everywhere(pass),
  getDOMCountersForLeakDetection: levels(notFound, pass),
  prepareForLeakDetection: everywhere(pass),
  forciblyPurgeJavaScriptMemory: everywhere(pass),
  setPressureNotificationsSuppressed: everywhere(wholeChrome),
  simulatePressureNotification: everywhere(wholeChrome),
  startSampling: everywhere(pass),
  stopSampling: everywhere(pass),
  getAllTimeSamplingProfile: everywhere(pass),
  getBrowserSamplingProfile: everywhere(
    refuse('it would act on everybody in it.', notForStrangers('it tells of paths of this machine.')),
  ),
  getSamplingProfile: everywhere(pass),
};

/** At the root Chrome would pause the requests of all contexts, and show them; without it nothing waits there. */
export const fetchCommands: Record<string, CommandEntry> = {
  enable: levels(
    refuse("it would pause everybody's requests; enable it in a page's session.", free),
    pausing,
  ),
};

/** Screens are the whole Chrome's; all else of the domain is a page's. */
export const emulationCommands: Record<string, CommandEntry> = {
  getScreenInfos: everywhere(pass),
  addScreen: everywhere(wholeChrome),
  updateScreen: everywhere(wholeChrome),
  removeScreen: everywhere(wholeChrome),
  setPrimaryScreen: everywhere(wholeChrome),
};
