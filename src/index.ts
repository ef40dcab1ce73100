export { CdpmuxError, type ErrorCode } from './errors.js';
export { Mux } from './mux/mux.js';
export type { MuxOptions } from './mux/options.js';
export type {
  Admission,
  BrowserFiles,
  ChromeVersion,
  Client,
  Downstream,
  MuxStats,
  NamedBrowser,
  PageEntry,
  Priority,
  Seat,
  UploadedFile,
} from './mux/types.js';
export type { OutgoingOptions } from './mux/file-root.js';
export type { FileEntry, FileLimits, OpenFile } from './virtual/file-store.js';
export { defaultSchemes } from './virtual/url-policy.js';
export { everybody, type Tenant } from './virtual/tenant.js';
export type { BrowserKind, ChromeExecutable } from './chrome/executable-types.js';
export type { MetricsText } from './telemetry/metrics.js';
