import { UrlPolicy } from './url-policy.js';

/** What a tenant may reach of the machine that its Chrome runs on. */
export interface OutgoingPolicy {
  readonly urls: UrlPolicy;
  /** Directories whose files may be given to pages. */
  readonly directories: readonly string[];
  /** Told of a download that was canceled because it was too large. */
  readonly onDownloadCanceled?: (canceled: CanceledDownload) => void;
}

/** A download that was canceled because it was too large. */
export interface CanceledDownload {
  readonly virtualBrowserId: string;
  readonly guid: string;
  readonly reason: string;
}

/** Where nothing else was said. */
export const strictPolicy: OutgoingPolicy = Object.freeze({ urls: new UrlPolicy(), directories: [] });
