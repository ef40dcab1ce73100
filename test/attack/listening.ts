import type { Attack, Fight } from './arena.js';
import type { Attacker } from './attacker.js';
import { live } from './living.js';

/** Every list of types that lets something through that another does not. */
const filters: readonly (readonly object[])[] = [
  [{}],
  [{ type: 'tab' }],
  [{ type: 'page' }],
  [{ type: 'browser' }, { type: 'other' }, {}],
  [{ type: 'page', exclude: true }, {}],
  [{ type: 'tab', exclude: true }, {}],
  [{ type: 'service_worker' }, { type: 'shared_worker' }, { type: 'worker' }],
];

/** Sends commands from every session; an answer of whatever sort will do. */
async function everywhere(
  attacker: Attacker,
  commands: readonly (readonly [string, object])[],
): Promise<number> {
  const asked = attacker.spots.flatMap(({ wire, sessionId }) =>
    commands.map(([method, params]) => wire.ask(method, params, sessionId, 3_000)),
  );
  return (await Promise.all(asked)).length;
}

/** Puts the attacker's ear to the wall while the victim works. */
async function listen({ attacker, house }: Fight, commands: readonly (readonly [string, object])[]) {
  const tries = await everywhere(attacker, commands);
  await house.during(live);
  // whatever was on its way when the victim was done has come before these answers
  const after = await everywhere(attacker, [
    ['Target.getTargets', {}],
    ['Browser.getVersion', {}],
  ]);
  return { tries: tries + after, leaks: [] };
}

const attach = { autoAttach: true, flatten: true };

/** Traces while the victim works. */
async function trace({ attacker, house }: Fight, kind: string, more = '') {
  const { wire, sessionId } = attacker.spot(kind);
  const categories = `-*,devtools.timeline,v8.execute,disabled-by-default-devtools.timeline,disabled-by-default-devtools.timeline.frame,toplevel,blink.console,blink.user_timing,latencyInfo,disabled-by-default-devtools.timeline.stack,loading,navigation,netlog${more}`;
  const started = await wire.ask('Tracing.start', { categories, transferMode: 'ReportEvents' }, sessionId);
  await house.during(live);
  if (!started?.result) return { tries: 1, leaks: [] };
  await wire.ask('Tracing.end', {}, sessionId);
  await wire.event('Tracing.tracingComplete');
  return { tries: 2, leaks: [] };
}

/** What is heard and seen of a neighbour at work. */
export const listening: readonly Attack[] = [
  {
    name: 'lists targets, contexts and cookies with every filter, in every session',
    attempt: async ({ attacker }) => {
      const lists: [string, object][] = filters.map((filter) => ['Target.getTargets', { filter }]);
      const more = [
        'Target.getBrowserContexts',
        'Target.getTargetInfo',
        'Storage.getCookies',
        'Page.getFrameTree',
      ];
      const tries = await everywhere(attacker, [
        ...lists,
        ...more.map((method): [string, object] => [method, {}]),
      ]);
      return { tries, leaks: [] };
    },
  },
  ...filters.map((filter): Attack => ({
    name: `discovers and attaches in every session with ${JSON.stringify(filter)}`,
    attempt: (fight) =>
      listen(fight, [
        ['Target.setDiscoverTargets', { discover: true, filter }],
        ['Target.setAutoAttach', { ...attach, waitForDebuggerOnStart: false, filter }],
      ]),
  })),
  {
    name: 'holds every new target and never lets it go',
    isSpoiling: true,
    attempt: (fight) =>
      listen(fight, [['Target.setAutoAttach', { ...attach, waitForDebuggerOnStart: true, filter: [{}] }]]),
  },
  {
    name: 'asks for everybody’s downloads',
    attempt: async (fight) => {
      const { directory } = fight.stage;
      const behavior = { behavior: 'allow', downloadPath: directory, eventsEnabled: true };
      return listen(fight, [
        ['Browser.setDownloadBehavior', behavior],
        ['Browser.setDownloadBehavior', { behavior: 'deny', eventsEnabled: true }],
        ['Page.setDownloadBehavior', { behavior: 'deny' }],
      ]);
    },
  },
  {
    name: 'pauses all requests, everywhere',
    isSpoiling: true,
    attempt: (fight) =>
      listen(fight, [
        ['Fetch.enable', { patterns: [{ urlPattern: '*' }], handleAuthRequests: true }],
        ['Network.setRequestInterception', { patterns: [{ urlPattern: '*' }] }],
        ['Network.setBlockedURLs', { urls: ['*'] }],
      ]),
  },
  {
    name: 'watches network, console, log, audits, storage and security of every session',
    attempt: (fight) => {
      const { origin } = fight.stage.site;
      const storageKey = `${origin}/`;
      const domains = [
        'Network',
        'Runtime',
        'Console',
        'Log',
        'Audits',
        'Security',
        'DOMStorage',
        'IndexedDB',
      ];
      return listen(fight, [
        ...domains.map((domain): [string, object] => [`${domain}.enable`, {}]),
        ['ServiceWorker.enable', {}],
        ['Storage.trackCacheStorageForOrigin', { origin }],
        ['Storage.trackCacheStorageForStorageKey', { storageKey }],
        ['Storage.trackIndexedDBForOrigin', { origin }],
        ['Storage.trackIndexedDBForStorageKey', { storageKey }],
        ['Storage.setInterestGroupTracking', { enable: true }],
        ['Storage.setSharedStorageTracking', { enable: true }],
        ['Storage.setStorageBucketTracking', { storageKey, enable: true }],
        ['BackgroundService.startObserving', { service: 'backgroundFetch' }],
      ]);
    },
  },
  ...['page', 'root', 'browser', 'iframe', 'tab'].map((kind): Attack => ({
    name: `traces from its ${kind} session`,
    attempt: (fight) => trace(fight, kind),
  })),
  {
    name: 'traces with the profiler',
    isHeavy: true,
    attempt: (fight) => trace(fight, 'root', ',disabled-by-default-v8.cpu_profiler'),
  },
];
