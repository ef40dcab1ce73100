/** An event of Chrome's trace format, as much of it as is looked at. */
export interface TraceEvent {
  readonly name?: string;
  readonly cat?: string;
  readonly ph?: string;
  readonly pid?: number;
  readonly args?: {
    readonly data?: {
      readonly message?: unknown;
      readonly frame?: unknown;
      readonly processId?: unknown;
      readonly frames?: readonly { readonly frame?: unknown; readonly processId?: unknown }[];
    };
  };
}

/** Names of processes and threads, which viewers need; their labels hold titles of pages. */
const describing = new Set([
  'process_name',
  'process_sort_index',
  'process_uptime_seconds',
  'thread_name',
  'thread_sort_index',
  'num_cpus',
  'trace_buffer_overflowed',
]);

/** Told by the browser process, of the frames of the page that is traced. */
const ofFrames = new Set(['FrameCommittedInBrowser', 'ProcessReadyInBrowser', 'FrameDeletedInBrowser']);

/** Categories in which the browser process tells of frames, and shows them. */
const ofBrowser = new Set([
  'devtools.timeline',
  'disabled-by-default-devtools.timeline',
  'disabled-by-default-devtools.screenshot',
]);

/**
 * Picks from a trace of the whole Chrome what is one virtual browser's: events of the processes that its pages run in
 * (a process is never shared by two contexts), and what the browser process says of its frames. A page's process shows
 * itself by a marker that was left in it, or by a frame that is known.
 */
export class TraceFilter {
  readonly #marker: string;
  readonly #ownsFrame: (frameId: unknown) => boolean;
  readonly #pids = new Set<number>();

  constructor(marker: string, ownsFrame: (frameId: unknown) => boolean) {
    this.#marker = marker;
    this.#ownsFrame = ownsFrame;
  }

  /** Learns from events whose processes are own; to be called with all of them before the first `pick`. */
  learn(events: readonly TraceEvent[]): void {
    for (const { name, pid, args } of events) {
      const data = args?.data;
      if (typeof data !== 'object' || data === null) continue;
      if (name === 'TimeStamp') {
        if (data.message === this.#marker) this.#add(pid);
      } else if (name === 'TracingStartedInBrowser') {
        for (const frame of framesOf(data.frames))
          if (this.#ownsFrame(frame.frame)) this.#add(frame.processId);
      } else if (name !== undefined && ofFrames.has(name) && this.#ownsFrame(data.frame)) {
        this.#add(data.processId);
      }
    }
  }

  /** Those of the events that are own. */
  pick(events: readonly TraceEvent[]): TraceEvent[] {
    return events.flatMap((event) => this.#own(event) ?? []);
  }

  #own(event: TraceEvent): TraceEvent | undefined {
    const { name = '', cat = '', ph, pid = -1, args } = event;
    if (this.#pids.has(pid)) return args?.data?.message === this.#marker ? undefined : event;
    if (ph === 'M') return describing.has(name) ? event : undefined;
    // Pages name events as they like (`performance.mark`), but in categories of their own.
    if (!cat.split(',').some((one) => ofBrowser.has(one))) return undefined;
    // Chrome takes them of the page in whose session the trace was started only.
    if (name === 'Screenshot') return event;
    const data = args?.data;
    if (ofFrames.has(name)) return this.#ownsFrame(data?.frame) ? event : undefined;
    if (name !== 'TracingStartedInBrowser') return undefined;
    const frames = framesOf(data?.frames).filter(({ frame }) => this.#ownsFrame(frame));
    return { ...event, args: { ...args, data: { ...data, frames } } };
  }

  #add(pid: unknown): void {
    if (typeof pid === 'number') this.#pids.add(pid);
  }
}

type Frame = { readonly frame?: unknown; readonly processId?: unknown };

function framesOf(frames: unknown): readonly Frame[] {
  if (!Array.isArray(frames)) return [];
  return (frames as readonly unknown[]).filter(
    (one): one is Frame => typeof one === 'object' && one !== null,
  );
}
