import { CdpCode, type CdpError } from '../cdp/errors.js';
import { everywhere, freeForLocal, lock, pass, scope, type CommandEntry } from './catalogue-entry.js';
import type { ClientSession } from './client-session.js';
import { objectParams, type Rule, type Unchecked } from './rule.js';
import { readPiece } from './rules-fatal.js';
import { notAvailable } from './rules-refused.js';
import { Trace } from './trace.js';
import { withoutSampling } from './trace-categories.js';
import type { NamedCommand } from './client-command.js';

const unfiltered = notAvailable(
  "a trace in Perfetto's own format can't be cut down to one's own pages; leave out perfettoConfig and streamFormat.",
);

const noPeriod = notAvailable(
  'Chrome crashes of some settings of memoryDumpConfig; Tracing.requestMemoryDump makes one dump.',
);

/** Without it the markers would not be recorded by which own processes are known. */
const TIMELINE = 'devtools.timeline';

/** How long Chrome may take to stop the trace of a session that ended, and how often it is asked, ms. */
const STOPS_WITHIN = 5_000;
const AGAIN_AFTER = 100;

const start: Rule = (session, incoming) => {
  const { client } = session;
  const { tracing } = client.virtual.host;
  const params = objectParams(incoming);
  if (params['perfettoConfig'] !== undefined || params['streamFormat'] === 'proto') {
    unfiltered(session, incoming);
    return;
  }
  if ((Object(params['traceConfig']) as Unchecked)['memoryDumpConfig'] !== undefined) {
    noPeriod(session, incoming);
    return;
  }
  if (session.trace || tracing.isWaiting(session)) {
    const message = 'Tracing has already been started (possibly in another tab).';
    client.refuse(session, incoming.scan.id, { code: CdpCode.server, message });
    return;
  }
  const { id, method } = incoming.scan;
  const { transferMode, streamCompression, ...rest } = params;
  const trace = new Trace(session, {
    asStream: transferMode === 'ReturnAsStream',
    isCompressed: streamCompression === 'gzip',
  });
  const begin = (): void => {
    session.trace = trace;
    attempt(session, withCategories(session, rest), performance.now() + STOPS_WITHIN, (error) => {
      if (error) {
        session.trace = undefined;
        tracing.release(session);
        client.refuse(session, id, error);
      } else {
        trace.mark(() => undefined);
        client.reply(session, id, {});
      }
    });
  };
  tracing.acquire(session, begin, () => {
    const message = `'${method}' waited in vain for another client to end its trace: a shared Chrome has one tracing for all; an exclusive one (mode=exclusive) has its own.`;
    client.refuse(session, id, { code: CdpCode.server, message });
  });
};

/** Starts it; where the trace of one that has gone is still being stopped, Chrome refuses, and is asked again. */
function attempt(
  session: ClientSession,
  params: Readonly<Record<string, unknown>>,
  deadline: number,
  done: (error: CdpError | undefined) => void,
): void {
  session.tell('Tracing.start', params, (error) => {
    const isStopping = error?.message.startsWith('Tracing has already been started') === true;
    if (!isStopping || performance.now() > deadline) {
      done(error);
      return;
    }
    setTimeout(() => {
      if (session.client.virtual.host.tracing.isHeldBy(session)) attempt(session, params, deadline, done);
    }, AGAIN_AFTER);
  });
}

/** Whether it may have Chrome stop the processes of its neighbours: they are its own, or nobody else's. */
function maySample({ client }: ClientSession): boolean {
  const { tenant, host } = client.virtual;
  return host.exclusive || tenant.trust === 'local';
}

/**
 * The categories that the client asked for, and those of the markers; for a stranger none for which Chrome stops its
 * neighbours' processes too.
 */
function withCategories(
  session: ClientSession,
  params: Readonly<Record<string, unknown>>,
): Record<string, unknown> {
  const { categories, traceConfig } = params;
  const allowed = (asked: readonly unknown[]): unknown[] => [
    ...(maySample(session) ? asked : withoutSampling(asked)),
    TIMELINE,
  ];
  const config = (typeof traceConfig === 'object' ? (traceConfig ?? {}) : {}) as Record<string, unknown>;
  const { includedCategories } = config;
  if (Array.isArray(includedCategories) && includedCategories.length > 0) {
    return { ...params, traceConfig: { ...config, includedCategories: allowed(includedCategories) } };
  }
  if (typeof categories === 'string' && categories !== '') {
    return { ...params, categories: allowed(categories.split(',')).join(',') };
  }
  return { ...params };
}

const end: Rule = (session, incoming) => {
  const { client, trace } = session;
  if (!trace) {
    client.forward(session, incoming);
    return;
  }
  const command: NamedCommand = { id: incoming.scan.id, method: incoming.scan.method };
  trace.mark(() => client.forwardChanged(session, { scan: command }, {}));
};

const ofTrace: Rule = (session, incoming) => {
  const { client } = session;
  if (session.trace) client.forward(session, incoming);
  else {
    const error = { code: CdpCode.server, message: 'Tracing is not started' };
    client.refuse(session, incoming.scan.id, error);
  }
};

const noDump = notAvailable(
  'Chrome dumps the memory of all its processes for it, and the pages of others stand still meanwhile.',
);

const dump: Rule = (session, incoming) => (maySample(session) ? ofTrace : noDump)(session, incoming);

/** The Tracing domain: one virtual browser at a time, which gets events of its own pages' processes only. */
export const tracingCommands: Record<string, CommandEntry> = {
  start: everywhere(
    lock(
      "one trace at a time; events of one's own pages only; for strangers in a shared Chrome without V8's profiler and memory dumps",
      start,
      freeForLocal,
    ),
  ),
  end: everywhere(lock("of one's own trace", end, freeForLocal)),
  requestMemoryDump: everywhere(
    lock("in one's own trace; not for strangers in a shared Chrome", dump, freeForLocal),
  ),
  getCategories: everywhere(pass),
  getTrackEventDescriptor: everywhere(pass),
  recordClockSyncMarker: everywhere(lock("in one's own trace", ofTrace, freeForLocal)),
};

const read: Rule = (session, incoming) => {
  const { client } = session;
  const params = objectParams(incoming);
  const { handle, offset, size } = params;
  if (!client.virtual.streams.has(handle)) {
    readPiece(session, incoming);
    return;
  }
  const request = {
    handle,
    ...(typeof offset === 'number' && { offset }),
    ...(typeof size === 'number' && { size }),
  };
  client.reply(session, incoming.scan.id, client.virtual.streams.read(request));
};

const close: Rule = (session, incoming) => {
  const { client } = session;
  const { handle } = objectParams(incoming);
  if (!client.virtual.streams.has(handle)) {
    client.forward(session, incoming);
    return;
  }
  client.virtual.streams.close(handle);
  client.reply(session, incoming.scan.id, {});
};

/** Streams: Chrome knows a handle only in the session that got it; those of traces are cdpmux's own. */
export const ioCommands: Record<string, CommandEntry> = {
  read: everywhere(scope('handle', read)),
  close: everywhere(scope('handle', close)),
  resolveBlob: everywhere(pass),
};
