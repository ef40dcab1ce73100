import { randomInt, randomUUID } from 'node:crypto';
import { refName, type Schema } from './protocol.js';

/** What a parameter can name. */
export type IdKind =
  | 'target'
  | 'session'
  | 'context'
  | 'window'
  | 'frame'
  | 'loader'
  | 'network request'
  | 'paused request'
  | 'stream'
  | 'download'
  | 'execution context'
  | 'unique context'
  | 'object'
  | 'node'
  | 'backend node'
  | 'script'
  | 'style sheet'
  | 'call frame'
  | 'cache'
  | 'registration'
  | 'worker version'
  | 'origin'
  | 'storage key'
  | 'scope';

const byType: Readonly<Record<string, IdKind>> = {
  'Target.TargetID': 'target',
  'Target.SessionID': 'session',
  'Browser.BrowserContextID': 'context',
  'Browser.WindowID': 'window',
  'Page.FrameId': 'frame',
  'Network.LoaderId': 'loader',
  'Network.RequestId': 'network request',
  'Fetch.RequestId': 'paused request',
  'Network.InterceptionId': 'paused request',
  'IO.StreamHandle': 'stream',
  'Runtime.ExecutionContextId': 'execution context',
  'Runtime.RemoteObjectId': 'object',
  'DOM.NodeId': 'node',
  'DOM.BackendNodeId': 'backend node',
  'Runtime.ScriptId': 'script',
  'DOM.StyleSheetId': 'style sheet',
  'Debugger.CallFrameId': 'call frame',
  'CacheStorage.CacheId': 'cache',
  'ServiceWorker.RegistrationID': 'registration',
};

/** Where the protocol has no type for it, and says `string`. */
const byName: Readonly<Record<string, IdKind>> = {
  targetId: 'target',
  guid: 'download',
  uniqueContextId: 'unique context',
  uniqueIds: 'unique context',
  versionId: 'worker version',
  origin: 'origin',
  securityOrigin: 'origin',
  ownerOrigin: 'origin',
  embeddedOrigin: 'origin',
  issuerOrigin: 'origin',
  storageKey: 'storage key',
  scopeURL: 'scope',
};

/** What a parameter names, or undefined when it names nothing that belongs to somebody. */
export function kindOf(schema: Schema, domain: string): IdKind | undefined {
  const item = schema.items;
  const type = refName(schema, domain) ?? (item && refName(item, domain));
  if (type !== undefined && byType[type]) return byType[type];
  return byName[schema.name ?? ''];
}

/** An id that the victim has, and one of the same form that nobody ever had. */
export interface Id {
  readonly kind: IdKind;
  /** Which of the victim's things it is. */
  readonly of: string;
  readonly real: string | number;
  /** The same as `real` where the attacker rightly has such a thing too, as an origin. */
  readonly never: string | number;
}

/** An id of the form of this one, which nobody ever had. */
export function neverLike(real: string | number): string | number {
  if (typeof real === 'number') return 1_700_000_000 + randomInt(400_000_000);
  if (/^[0-9A-F]{32}$/i.test(real)) return randomUUID().replaceAll('-', '').toUpperCase();
  if (/^[0-9a-f]{8}-/i.test(real)) return randomUUID();
  // numbers within a text, as in `1234.5` or `interception-job-7.0`
  return real.replaceAll(/\d+/g, (digits) => {
    return Array.from({ length: Math.max(digits.length, 7) }, () => randomInt(1, 10)).join('');
  });
}
