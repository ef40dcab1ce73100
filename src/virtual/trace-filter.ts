/** An event of Chrome's trace format, as much of it as is looked at. */
export interface TraceEvent {
  readonly name?: string;
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
      if (data === undefined) continue;
      if (name === 'TimeStamp') {
        if (data.message === this.#marker) this.#add(pid);
      } else if (name === 'TracingStartedInBrowser') {
        for (const frame of data.frames ?? []) if (this.#ownsFrame(frame.frame)) this.#add(frame.processId);
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
    const { name = '', ph, pid = -1, args } = event;
    if (this.#pids.has(pid)) return args?.data?.message === this.#marker ? undefined : event;
    if (ph === 'M') return describing.has(name) ? event : undefined;
    // Chrome takes them of the page in whose session the trace was started only.
    if (name === 'Screenshot') return event;
    if (ofFrames.has(name)) return this.#ownsFrame(args?.data?.frame) ? event : undefined;
    if (name !== 'TracingStartedInBrowser') return undefined;
    const data = args?.data;
    const frames = data?.frames?.filter(({ frame }) => this.#ownsFrame(frame));
    return { ...event, args: { ...args, data: { ...data, ...(frames && { frames }) } } };
  }

  #add(pid: unknown): void {
    if (typeof pid === 'number') this.#pids.add(pid);
  }
}
