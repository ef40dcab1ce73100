/** How the server's side of a client's connection went, read off the wire: no library in between could dress it up. */
export interface Wire {
  /** Of the answer to the upgrade. */
  readonly status?: number;
  /** `error.code` of a refusal's JSON; '' where the body has none. */
  readonly refusal?: string;
  /** In s, of a refusal. */
  readonly retryAfter?: number;
  /** Of the close frame, if one came before the client sent one. */
  readonly close?: { readonly code: number; readonly reason: string };
  /** The connection was cut on purpose, by the chaos. */
  readonly cut: boolean;
}

/** One unit of work: connect, open a page, navigate, evaluate, screenshot, close. */
export interface Unit {
  readonly unit: number;
  /** With what, and what kind of work it is. */
  readonly kind: string;
  /** ms since 1970. */
  readonly began: number;
  readonly ended: number;
  /** What went wrong. */
  readonly error?: string;
  /** It got an answer that is another's, or none that can be right: no cut and no kill explains that. */
  readonly wrong: boolean;
  readonly wire: Wire;
}

/** What the process of the clients is told. */
export type Order =
  | { readonly order: 'work'; readonly wsUrl: string; readonly clients: number; readonly units?: number }
  /** Cut the connection of a client that is at work, at that part of the list. */
  | { readonly order: 'cut'; readonly part: number }
  | { readonly order: 'stop' };

/** What it tells. */
export type News =
  | { readonly news: 'ready' }
  | { readonly news: 'unit'; readonly unit: Unit }
  | { readonly news: 'cut'; readonly unit: number | undefined }
  /** All clients have ended their last unit. */
  | { readonly news: 'done' };
