import type { FuzzClient, Sent } from './fuzz-client.js';

/**
 * Commands that may wait for something that never comes: a page's promise, a load, a frame that is drawn, a gesture,
 * a debugger, a trace. Chrome leaves them unanswered on a connection of one's own too.
 */
const mayWait: readonly RegExp[] = [
  /^Runtime\.(evaluate|callFunctionOn|awaitPromise|runScript|getProperties)$/,
  /^Page\.(navigate|reload|captureScreenshot|captureSnapshot|printToPDF|close|crash|waitForDebugger|handleJavaScriptDialog)$/,
  /^Page\.(navigateToHistoryEntry|startScreencast|generateTestReport|getAppManifest|getInstallabilityErrors)$/,
  /^(Input|HeadlessExperimental|Tracing|IO|HeapProfiler|Memory|Audits|Media|PWA|CacheStorage|IndexedDB)\./,
  /^(FileSystem|BackgroundService|DeviceAccess|FedCm|WebAuthn|BluetoothEmulation|Preload|Extensions|Ads)\./,
  /^Network\.(getResponseBody|loadNetworkResource|takeResponseBodyForInterceptionAsStream|searchInResponseBody)$/,
  /^Fetch\.(getResponseBody|takeResponseBodyAsStream|continue\w+|fulfillRequest|failRequest)$/,
  /^Debugger\.(evaluateOnCallFrame|restartFrame|stepInto|stepOver|pauseOnAsyncCall|setScriptSource)$/,
  /^Emulation\.(setVirtualTimePolicy|setDeviceMetricsOverride)$/,
];

/** Commands after which the renderer of a page may stand still, or be busy for long, with all that is asked of it. */
const blocks = new RegExp(
  [
    '^(Debugger|DOMDebugger|EventBreakpoints|Fetch|HeapProfiler|Input|HeadlessExperimental|Tracing|Profiler)\\.',
    '^Page\\.(crash|close|navigate|reload|waitForDebugger|setWebLifecycleState|printToPDF|captureS\\w+|navigateTo\\w+|resetNavigationHistory|stopLoading)$',
    '^Emulation\\.(setVirtualTimePolicy|setCPUThrottlingRate|setDeviceMetricsOverride|setScriptExecutionDisabled)$',
    '^Runtime\\.(evaluate|callFunctionOn|runScript|terminateExecution)$',
    '^Target\\.(closeTarget|setAutoAttach|autoAttachRelated|disposeBrowserContext|createTarget)$',
    '^(Inspector|Network)\\.(enable|setRequestInterception|emulate\\w+)$',
  ].join('|'),
);

const ofContext =
  /^(Browser\.(grantPermissions|setPermission|resetPermissions)|Target\.createTarget|Storage\.\w+)$/;

/** What the silence after a batch says. */
export interface Verdict {
  /** By reason; none of these is cdpmux's doing. */
  readonly excused: ReadonlyMap<string, number>;
  readonly problems: readonly string[];
}

/** Judges commands that were not answered; `sentMethods` are those of the whole life of this client. */
export function judge(client: FuzzClient, sentMethods: ReadonlySet<string>): Verdict {
  const excused = new Map<string, number>();
  const problems: string[] = [];
  const isBlocked = [...sentMethods].some((method) => blocks.test(method));
  const disposed = sentMethods.has('Target.disposeBrowserContext');
  for (const { sent, left } of client.unanswered()) {
    const reasons = sent
      .map((one) => excuse(client, one, { isBlocked, disposed }))
      .filter((why) => why !== undefined);
    for (const why of reasons.slice(0, left)) excused.set(why, (excused.get(why) ?? 0) + 1);
    if (reasons.length >= left) continue;
    const what = sent.map(({ method, sessionId }) => `${method} in ${sessionId ?? 'the root'}`);
    problems.push(`${left - reasons.length} of ${what.join(', ')} not answered`);
  }
  return { excused, problems };
}

interface Before {
  readonly isBlocked: boolean;
  readonly disposed: boolean;
}

function excuse(
  { goneSessions }: FuzzClient,
  { method, sessionId = '' }: Sent,
  { isBlocked, disposed }: Before,
): string | undefined {
  if (method.endsWith('(recovery)')) return 'meant to make a page go on';
  if (goneSessions.has(sessionId)) return 'its session ended';
  if (mayWait.some((pattern) => pattern.test(method))) return `waits in Chrome: ${method}`;
  // asked of a context that is disposed of in the next command: Chrome forgets to answer
  if (disposed && ofContext.test(method)) return `its context went: ${method}`;
  if (sessionId !== '' && isBlocked) return 'its page stands still';
  return undefined;
}
