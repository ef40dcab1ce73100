export { CdpmuxError, type ErrorCode } from './errors.js';
export { Mux } from './mux/mux.js';
export type { HealthSettings } from './mux/health/settings.js';
export type {
  BrowserSettings,
  ConnectionSettings,
  LiveOptions,
  MuxOptions,
  PoolSettings,
} from './mux/options.js';
export type { MemoryLimits, MemorySettings, MegabyteLimit } from './mux/memory/settings.js';
export { RateLimit, type PerSecond } from './mux/rate-limit.js';
export type {
  Admission,
  Caller,
  BrowserFiles,
  ChromeVersion,
  Client,
  Downstream,
  MuxStats,
  NamedBrowser,
  PageEntry,
  Priority,
  Seat,
  TenantStats,
  UploadedFile,
} from './mux/types.js';
export type {
  BrowserReport,
  BrowserState,
  ConnectionReport,
  ContainerReport,
  MemoryReport,
  QueueReport,
  VirtualBrowserReport,
  WaitingReport,
} from './mux/reports.js';
export type { Appearance, WindowSize } from './virtual/appearance.js';
export type { AuditReport, Mended } from './virtual/audit.js';
export type { FeedEvent } from './telemetry/event-feed.js';
export type { Quota } from './mux/quotas.js';
export type {
  ContextProxy,
  Egress,
  EgressGate,
  EgressOwner,
  ProxyWish,
  ReadyGate,
} from './virtual/egress.js';
export type { OutgoingOptions } from './mux/file-root.js';
export type { FileEntry, FileLimits, OpenFile } from './virtual/file-store.js';
export { muxDomain, type MuxInfo } from './virtual/mux-domain.js';
export { defaultSchemes } from './virtual/url-policy.js';
export { everybody, type Tenant } from './virtual/tenant.js';
export type { BatchSettings } from './chrome/write-batch.js';
export { startPlainChrome, type PlainChrome } from './chrome/plain-chrome.js';
export type { BrowserKind, ChromeExecutable } from './chrome/executable-types.js';
export { readLaunchFlags, type FlagTrust, type LaunchFlags } from './chrome/launch-flags.js';
export type { MetricsText } from './telemetry/metrics.js';
