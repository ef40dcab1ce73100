import type { Protocol } from 'devtools-protocol';
import type { Readable } from 'node:stream';
import type { Appearance } from '../virtual/appearance.js';
import type { FileEntry, OpenFile } from '../virtual/file-store.js';
import type { Tenant } from '../virtual/tenant.js';
import type { Quota } from './quotas.js';
import type { ContainerReport } from './reports.js';

/** How urgent a client is while it waits for a place. */
export type Priority = 'low' | 'normal' | 'high' | 'critical';

/** From the one that waits longest. */
export const priorities: readonly Priority[] = ['low', 'normal', 'high', 'critical'];

/** Who comes, over WebSocket or HTTP. */
export interface Caller {
  /** On whose behalf it comes. */
  readonly tenant: Tenant;
  /** How much its tenant may hold; no limits of its own where not given. */
  readonly quota?: Quota;
  /** Who waits less when all places are taken; `normal` where not given. */
  readonly priority?: Priority;
  /** Its tenant's share beside others who wait as urgently: one of 2 is served twice as often as one of 1, the default. */
  readonly weight?: number;
  /** The named pool of browsers that it wants; the one without a name where not given. Unknown ones are refused with NOT_FOUND. */
  readonly pool?: string;
}

/** What a client asks for in its upgrade request, already validated. */
export interface Admission extends Caller {
  readonly path:
    | { readonly kind: 'browser'; readonly id?: string; readonly name?: string }
    | { readonly kind: 'page'; readonly targetId: string; readonly name?: string };
  /** Among others in one Chrome, the default, or with a whole Chrome of its own. */
  readonly mode?: 'shared' | 'exclusive';
  /** Flags for that Chrome, already checked against the allow list. */
  readonly launch?: { readonly args: readonly string[] };
  /** Prefers the browser that served the same text before. */
  readonly affinity?: string;
  /** The pool that the client itself named, '' for the one without a name: what it joins must be there. */
  readonly asksPool?: string;
  /** Start with one about:blank page, as a fresh Chrome does. */
  readonly initialPage: boolean;
  readonly proxyServer?: string;
  readonly proxyBypassList?: string;
  /** How its pages look to the web, where that is to differ from the Chrome's own. */
  readonly appearance?: Appearance;
  /** Longest wait for a place, ms; 0 does not wait. */
  readonly queueTimeout?: number;
  /** Longest life of the virtual browser that it opens, and of this client, ms; 0 for no end of its own. */
  readonly timeout?: number;
  /** How long the virtual browser lives on when its last client has gone, ms; the last one who says so decides. */
  readonly keepAlive?: number;
  readonly labels: Readonly<Record<string, string>>;
  /** What the client calls itself: some show a close's reason, others only the errors of their commands. */
  readonly userAgent?: string;
  /** The upgrade's path without its query, for traces. */
  readonly urlPath?: string;
  /** W3C trace context of the caller. */
  readonly traceparent?: string;
  /** Aborted when the caller goes away while it waits. */
  readonly signal: AbortSignal;
}

/** A place in a browser that was given to one client; one-shot: attach once, or release. */
export interface Seat {
  readonly virtualBrowserId: string;
  attach(downstream: Downstream): Client;
  /** Gives the place back unused (the socket died before the upgrade was done). */
  release(): void;
}

/** The client's socket, as the library sees it. */
export interface Downstream {
  /** Sends one text message; the buffer is the socket's from now on. */
  send(message: Buffer): void;
  /** Closes with a WebSocket close code and a reason of at most 123 bytes. */
  close(code: number, reason: string): void;
  /** Stops reading from the client until `resume`: it is too fast. */
  pause(): void;
  resume(): void;
  /** Drops the connection without a closing handshake, as Chrome does on a binary frame. */
  terminate(): void;
}

/** One attached client; the socket calls these. */
export interface Client {
  onMessage(frame: Buffer, isBinary: boolean): void;
  /** A ping, which the socket answers itself. */
  onPing(): void;
  onClose(): void;
}

/** A page as Chrome's `/json/list` shows it, without the URLs that need the request's host. */
export interface PageEntry {
  readonly id: string;
  readonly type: string;
  readonly title: string;
  readonly url: string;
  readonly parentId?: string;
}

/** What Chrome's HTTP endpoints need from a named virtual browser. */
export interface NamedBrowser {
  list(forTab: boolean): Promise<PageEntry[]>;
  open(url: string, forTab: boolean): Promise<PageEntry>;
  /** False when it has no such target. */
  activate(targetId: string): Promise<boolean>;
  /** False when it has no such target. */
  closeTarget(targetId: string): Promise<boolean>;
}

/** The files of a virtual browser: what was uploaded for its pages, and what they downloaded. */
export interface BrowserFiles {
  list(): FileEntry[];
  /** Opens one by name or by its download's guid; rejects with NOT_FOUND. */
  read(name: string): Promise<OpenFile>;
  /** Takes one in, whose length may be known beforehand; rejects with TOO_LARGE or BAD_PARAMETER. */
  write(name: string, content: Readable, announced?: number): Promise<UploadedFile>;
  /** False when there is none of that name. */
  remove(name: string): Promise<boolean>;
}

/** A file that was uploaded, with the path by which `DOM.setFileInputFiles` takes it. */
export interface UploadedFile extends FileEntry {
  readonly path: string;
}

/** Answer of `Browser.getVersion` of the Chrome that new clients get. */
export type ChromeVersion = Protocol.Browser.GetVersionResponse;

/** Counts of what is there now and of what was, for `/api/v1/status` and tests. */
export interface MuxStats {
  readonly browsers: number;
  readonly virtualBrowsers: number;
  readonly clients: number;
  readonly contexts: number;
  readonly targets: number;
  readonly sessions: number;
  readonly pendingCommands: number;
  readonly waiting: number;
  /** To browsers. */
  readonly connections: number;
  /** Part of the clients since start, 0 to 1, whose connection to a browser was open before they came. */
  readonly connectionReuse: number;
  /** Part of the commands since start, 0 to 1, that all may share the answer of and that were answered from memory. */
  readonly sharedAnswers: number;
  /** Where the container that cdpmux is in has a memory limit. */
  readonly container?: ContainerReport;
}

/** The part of the counts that one tenant may see: its own. */
export type TenantStats = Pick<MuxStats, 'virtualBrowsers' | 'clients' | 'contexts' | 'targets' | 'waiting'>;
