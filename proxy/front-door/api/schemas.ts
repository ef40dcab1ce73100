import { z } from 'zod';
import type {
  BrowserReport,
  ConnectionReport,
  FeedEvent,
  FileEntry,
  MemoryReport,
  MuxStats,
  QueueReport,
  TenantStats,
  UploadedFile,
  VirtualBrowserReport,
  WaitingReport,
} from '../../../src/index.js';
import type { ReloadReport } from '../../reload.js';

/** What `/openapi.json` names, by the id that it has there. */
export const named = z.registry<{ id: string }>();

const count = (what: string) => z.int().min(0).describe(what);
const age = () => z.number().min(0).describe('In ms.');
const names = (what: string) => z.array(z.string()).describe(what);

/** Words for where a browser is in its life. */
export const browserState = z.enum(['launching', 'ready', 'cordoned', 'draining', 'broken']);
/** Words for what shares a browser. */
export const mode = z.enum(['shared', 'exclusive']);
/** Words for where a connection is in its life. */
export const connectionState = z.enum(['open', 'retiring']);
/** Words for what health checks say of a browser or a connection. */
export const health = z.enum(['closed', 'open', 'half-open']);
/** Words for how a connection goes. */
export const transport = z.enum(['pipe', 'websocket']);
/** Words for how urgent one who waits is. */
export const priority = z.enum(['low', 'normal', 'high', 'critical']);
/** Words for where a browser comes from. */
export const source = z.enum(['launched', 'remote']);

const megabytes = (what: string) => z.number().min(0).describe(`${what} In MB of 1048576 bytes.`);

/** A `MemoryReport`. */
export const memory = z.object({
  heldMb: megabytes('What pages and workers hold beyond empty ones; limits are about this.'),
  heapUsedMb: megabytes('Used of V8’s heaps, each counted once.'),
  heapTotalMb: megabytes('Taken for V8’s heaps.'),
  backingMb: megabytes('Typed arrays and the like.'),
  embedderMb: megabytes('DOM nodes and what else is outside of V8.'),
  isolates: count('V8 heaps.'),
  timeouts: count('Pages that did not tell of their heap in time.'),
  residentMb: megabytes('All processes of a launched browser.').exactOptional(),
  unseen: z.string().exactOptional().describe('What can’t be seen of a remote browser.'),
}) satisfies z.ZodType<MemoryReport>;

/** A `BrowserReport`. */
export const browser = z.object({
  id: z.string().describe('Its own, for as long as cdpmux runs; not Chrome’s.'),
  pool: z.string(),
  state: browserState,
  reason: z.string().exactOptional().describe('Why it is cordoned, draining or broken.'),
  source: source.describe('`remote` where cdpmux did not launch it.'),
  mode,
  product: z.string().exactOptional().describe('What Chrome says of itself, once it has answered.'),
  pid: z.int().exactOptional().describe('Of a launched one.'),
  endpoint: z.string().exactOptional().describe('Of a remote one.'),
  ageMs: age(),
  uses: count('Virtual browsers that it has served, those of now included.'),
  virtualBrowsers: count('Virtual browsers that it serves now.'),
  capacity: count('How many it may carry.'),
  targets: count('Targets of virtual browsers in it.'),
  connections: count('Connections to it.'),
  stock: count('Virtual browsers kept ready in it for those who come next; they count nowhere else.'),
  stockWanted: count('How many of them there should be now.'),
  health: health.describe('The circuit breaker of its health checks: given nobody unless it is closed.'),
  barred: z
    .string()
    .exactOptional()
    .describe('Why it is given nobody, for its health or for what else was found.'),
  crashes: count('Pages whose renderer died in it.'),
  idleMs: z.number().min(0).describe('How long nobody has been in it, in ms; 0 while somebody is.'),
  memory: memory.exactOptional().describe('Once somebody has been in it, and while memory is watched.'),
}) satisfies z.ZodType<BrowserReport>;

/** A `VirtualBrowserReport`. */
export const virtualBrowser = z.object({
  id: z.string(),
  name: z.string().exactOptional().describe('Of `/name/<name>/…`.'),
  tenant: z.string().describe('Name of its token; empty where there are no tokens.'),
  browser: z.string().describe('Id of the browser that serves it.'),
  connection: z.string().describe('Id of the connection that it goes over.'),
  pool: z.string(),
  mode,
  clients: count('Clients that are connected to it.'),
  contexts: count('Its BrowserContexts.'),
  targets: count('Its targets: pages and their tabs, frames, workers.'),
  sessions: count('Its clients’ CDP sessions.'),
  crashes: count('Its pages whose renderer died.'),
  processorSeconds: z
    .number()
    .min(0)
    .exactOptional()
    .describe('Processor time of its renderers; in launched browsers, once it is known which are its own.'),
  labels: z.record(z.string(), z.string()).describe('Of the client that opened it.'),
  ageMs: age(),
  keptUntil: z.iso
    .datetime()
    .exactOptional()
    .describe('While no client is there: when it ends unless somebody comes.'),
  memory: memory.exactOptional().describe('While memory is watched.'),
}) satisfies z.ZodType<VirtualBrowserReport>;

/** A `ConnectionReport`. */
export const connection = z.object({
  id: z.string(),
  browser: z.string().describe('Id of the browser.'),
  transport,
  state: connectionState.describe('`retiring`: past its lifetime, and closed with its last client.'),
  health: health.describe('The circuit breaker of its health checks: given nobody unless it is closed.'),
  virtualBrowsers: count('Virtual browsers that go over it.'),
  clients: count('Clients of those.'),
  pendingCommands: count('Commands without an answer as yet.'),
  backlogBytes: count('Bytes that wait to be written.'),
  ageMs: age(),
}) satisfies z.ZodType<ConnectionReport>;

const waiting = z.object({
  pool: z.string(),
  place: z.int().min(1).describe('Who is served next, as things are now.'),
  tenant: z.string().describe('Name of its token; empty where there are no tokens.'),
  priority,
  mode,
  ageMs: age(),
}) satisfies z.ZodType<WaitingReport>;

const queueFigures = {
  length: count('How many wait.'),
  maxwaitMs: age().describe('Age of the one that waits longest, in ms; 0 with nobody.'),
  paused: z.boolean().describe('New clients wait until `resume`.'),
  retryAfterSeconds: z
    .number()
    .min(0)
    .describe('When one more would be served, from how places came free lately.'),
};

/** A `QueueReport`. */
export const queue = z.object({
  ...queueFigures,
  waiting: z.array(waiting),
}) satisfies z.ZodType<QueueReport>;

const tenantFigures = {
  virtualBrowsers: count('Virtual browsers that are open.'),
  clients: count('Clients that are connected.'),
  contexts: count('BrowserContexts.'),
  targets: count('Targets.'),
  waiting: count('Clients that wait for a place.'),
};

/** What a token without the admin right sees: its own figures. */
export const tenantStatus = z.object({
  tenant: z.string(),
  maxVirtual: z.int().exactOptional(),
  maxQueued: z.int().exactOptional(),
  ...tenantFigures,
}) satisfies z.ZodType<TenantStats>;

/** What an admin sees. */
export const status = z.object({
  version: z.string().describe('Of cdpmux.'),
  uptimeMs: age(),
  ready: z.boolean().describe('Whether a client could be served now.'),
  reasons: names('Why not, where it is not ready.'),
  browsers: count('Browsers that are up.'),
  connections: count('Connections to browsers.'),
  sharedAnswers: z
    .number()
    .min(0)
    .max(1)
    .describe(
      'Part of the commands since start, 0 to 1, whose answer all may share and that were answered from memory.',
    ),
  connectionReuse: z
    .number()
    .min(0)
    .max(1)
    .describe('Part of the clients since start whose connection to a browser was open before they came.'),
  ...tenantFigures,
  sessions: count('CDP sessions.'),
  pendingCommands: count('Commands without an answer as yet.'),
  container: z
    .object({
      limitMb: megabytes('What the container may use of memory.'),
      usedMb: megabytes('What all its processes use, without files that can be let go of.'),
    })
    .exactOptional()
    .describe('Where the container that cdpmux is in has a memory limit.'),
  queue: z.object(queueFigures),
}) satisfies z.ZodType<MuxStats>;

/** Whether cdpmux is ready. */
export const readiness = z.object({ ready: z.boolean(), reasons: names('Why not, where it is not ready.') });

/** A `ReloadReport`. */
export const reloaded = z.object({
  applied: z.object({
    tokens: z.object({
      added: names('Names of tokens that are new.'),
      changed: names('Names of tokens whose secret or rights are others.'),
      removed: names('Names of tokens that are gone; their clients were closed with 4401.'),
    }),
    settings: names('Settings that are in force from now on.'),
  }),
  needsRestart: names('Settings that take effect with the next start only.'),
  notes: names('What else to do for what was applied.'),
}) satisfies z.ZodType<ReloadReport>;

/** A `FeedEvent`. */
export const event = z.object({
  id: z.int().min(1).describe('Counts up by one: a gap means that events are not kept any more.'),
  type: z.string().describe('The thing, a dot, what became of it: `browser.ready`.'),
  at: z.number().describe('In ms since 1970.'),
  level: z.enum(['info', 'warn']),
  message: z.string().describe('Words for a person.'),
  fields: z.record(z.string(), z.union([z.string(), z.number()])),
}) satisfies z.ZodType<FeedEvent>;

/** A `FileEntry`. */
export const file = z.object({
  name: z.string(),
  size: count('In bytes; of a download on its way, those that are there.'),
  state: z.enum(['complete', 'inProgress', 'canceled']),
  guid: z.string().exactOptional().describe('Of downloads: the id that Chrome’s events call it by.'),
  reason: z.string().exactOptional().describe('Why a download was canceled.'),
}) satisfies z.ZodType<FileEntry>;

/** An `UploadedFile`. */
export const uploaded = file.extend({
  path: z.string().describe('By which `DOM.setFileInputFiles` takes it.'),
}) satisfies z.ZodType<UploadedFile>;

/** What every refusal has. */
export const failure = z.object({
  error: z
    .object({
      code: z.string().describe('For programs: `NOT_FOUND`, `BAD_PARAMETER`, …'),
      message: z.string().describe('What happened, why, and what to do.'),
      problems: names('What is wrong with the configuration.').exactOptional(),
    })
    .catchall(z.union([z.string(), z.array(z.string())])),
});

/** What a list of browsers answers. */
export const browsers = z.object({ browsers: z.array(browser) });
/** What a list of virtual browsers answers. */
export const virtualBrowsers = z.object({ virtualBrowsers: z.array(virtualBrowser) });
/** What a list of connections answers. */
export const connections = z.object({ connections: z.array(connection) });
/** What a list of files answers. */
export const files = z.array(file);

for (const [id, schema] of Object.entries({
  Memory: memory,
  Browser: browser,
  Browsers: browsers,
  VirtualBrowser: virtualBrowser,
  VirtualBrowsers: virtualBrowsers,
  Connection: connection,
  Connections: connections,
  Waiting: waiting,
  Queue: queue,
  Status: status,
  TenantStatus: tenantStatus,
  Readiness: readiness,
  Reloaded: reloaded,
  Event: event,
  File: file,
  Files: files,
  UploadedFile: uploaded,
  Error: failure,
})) {
  named.add(schema, { id });
}
