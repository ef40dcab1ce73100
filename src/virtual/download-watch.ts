import type { Protocol } from 'devtools-protocol';
import type { MessageScanner } from '../cdp/message-scanner.js';
import type { EventSink } from '../cdp/upstream.js';
import type { FileStore } from './file-store.js';
import type { VirtualBrowser } from './virtual-browser.js';
import type { VirtualHost } from './virtual-host.js';

type WillBegin = Protocol.Browser.DownloadWillBeginEvent;
type Progress = Protocol.Browser.DownloadProgressEvent;

/** How often downloads on their way are measured, ms: Chrome tells twice a second, and a disk takes much in that. */
const MEASURE = 100;
/** How many downloads are kept in mind whose owner is not known yet. */
const UNKNOWN = 1000;

/** A download of a tenant's. */
interface Download {
  readonly virtual: VirtualBrowser;
  readonly files: FileStore;
  /** It made its virtual browser have more than it may, and ends as soon as Chrome will. */
  isRefused: boolean;
}

/**
 * Hears of all downloads in one Chrome, in a session of its own, and cares for those of tenants: keeps them in their
 * virtual browser's quota, gives them their names, and tells the clients that asked.
 */
export class DownloadWatch implements EventSink {
  readonly #host: VirtualHost;
  /** By guid; added when a download begins, taken off when it ends. */
  readonly #downloads = new Map<string, Download>();
  /** Begun in a frame that nobody told of: whose it is shows when its file does. Same life; the oldest give way. */
  readonly #unknown = new Map<string, WillBegin>();
  #started: Promise<void> | undefined;
  #timer: NodeJS.Timeout | undefined;

  constructor(host: VirtualHost) {
    this.#host = host;
  }

  /** Begins to listen; the first tenant waits for it. */
  start(): Promise<void> {
    this.#started ??= this.#listen().catch((error: unknown) => {
      this.#started = undefined;
      throw error;
    });
    return this.#started;
  }

  onEvent(message: Buffer, scan: MessageScanner): void {
    const method = scan.method(message);
    if (method !== 'Browser.downloadWillBegin' && method !== 'Browser.downloadProgress') return;
    const { params } = JSON.parse(message.toString()) as { params: WillBegin & Progress };
    if (method === 'Browser.downloadWillBegin') this.#onWillBegin(params);
    else this.#onProgress(params);
  }

  /** Forgets the downloads of a virtual browser that has ended. */
  forget(virtual: VirtualBrowser): void {
    for (const [guid, download] of this.#downloads) if (download.virtual === virtual) this.#end(guid);
  }

  async #listen(): Promise<void> {
    const { upstream } = this.#host;
    const { sessionId } = await upstream.request('Target.attachToBrowserTarget', undefined, '');
    upstream.route(sessionId, this);
    // Of Chrome's own default context, which is nobody's; the events are those of all contexts.
    const params = { behavior: 'default', eventsEnabled: true } as const;
    await upstream.request('Browser.setDownloadBehavior', params, sessionId);
  }

  #onWillBegin(event: WillBegin): void {
    const owner = this.#host.target(event.frameId)?.owner ?? this.#ownerOfFrame(event.frameId);
    if (owner) this.#begin(owner, event);
    else {
      this.#unknown.set(event.guid, event);
      const [oldest] = this.#unknown.keys();
      if (this.#unknown.size > UNKNOWN && oldest !== undefined) this.#unknown.delete(oldest);
    }
  }

  #ownerOfFrame(frameId: string): VirtualBrowser | undefined {
    for (const virtual of this.#host.virtuals) if (virtual.frames.has(frameId)) return virtual;
    return undefined;
  }

  #begin(virtual: VirtualBrowser, event: WillBegin): void {
    const { files } = virtual;
    if (!virtual.policy || !files) return;
    this.#downloads.set(event.guid, { virtual, files, isRefused: false });
    virtual.downloads.add(event.guid);
    files.begin(event.guid, event.suggestedFilename);
    this.#tell(virtual, 'Browser.downloadWillBegin', event);
    this.#enforce(event.guid);
    this.#timer ??= setInterval(() => void this.#measure(), MEASURE).unref();
  }

  #onProgress(event: Progress): void {
    const { guid } = event;
    this.#claim(guid);
    const isOver = event.state !== 'inProgress';
    if (isOver) this.#unknown.delete(guid);
    const download = this.#downloads.get(guid);
    if (!download) return;
    const { virtual, files } = download;
    files.progress(guid, event.receivedBytes);
    this.#enforce(guid);
    // Not where it lies on this machine.
    const { filePath: _path, ...shown } = event;
    if (event.state !== 'completed') {
      if (isOver) files.cancel(guid);
      this.#tell(virtual, 'Browser.downloadProgress', shown);
    } else {
      const name = files.complete(guid);
      if (name === undefined) files.discard(guid);
      const end = name === undefined ? { state: 'canceled' as const } : { filePath: name };
      this.#tell(virtual, 'Browser.downloadProgress', { ...shown, ...end });
    }
    if (isOver) this.#end(guid);
  }

  /** Finds out by its file whose a download is. */
  #claim(guid: string): void {
    const event = this.#unknown.get(guid);
    if (!event) return;
    for (const virtual of this.#host.virtuals) {
      if (!virtual.policy || virtual.files?.hasIncoming(guid) !== true) continue;
      this.#unknown.delete(guid);
      this.#begin(virtual, event);
      return;
    }
  }

  async #measure(): Promise<void> {
    for (const [guid, { files, isRefused }] of [...this.#downloads]) {
      if (isRefused) continue;
      await files.measure(guid);
      this.#enforce(guid);
    }
  }

  /** Cancels a download with which its virtual browser has more than it may. */
  #enforce(guid: string): void {
    const download = this.#downloads.get(guid);
    if (!download || (!download.isRefused && !download.files.isOver)) return;
    const { virtual, files } = download;
    if (!download.isRefused) {
      download.isRefused = true;
      const reason = `canceled: what a virtual browser keeps in files may have ${files.limits.total} bytes (limits.files.total)`;
      files.cancel(guid, reason);
      virtual.policy?.onDownloadCanceled?.({ virtualBrowserId: virtual.id, guid, reason });
    }
    // Again while it goes on: Chrome may not have known it yet.
    for (const browserContextId of this.#host.contextsOf(virtual)) {
      this.#host.upstream.call('Browser.cancelDownload', { guid, browserContextId }, virtual.rootId);
    }
  }

  #tell(virtual: VirtualBrowser, method: string, params: WillBegin | Progress): void {
    for (const session of [...virtual.downloadListeners]) {
      try {
        session.emit(method, params);
      } catch (error) {
        this.#host.upstream.blame(error, session);
      }
    }
  }

  #end(guid: string): void {
    this.#downloads.delete(guid);
    if (this.#downloads.size > 0) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
  }
}
