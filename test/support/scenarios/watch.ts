import type { Protocol } from 'devtools-protocol';

/** A CDP session of whatever client, as far as a watch needs it. */
export interface RawSession {
  send(method: string, params?: object): Promise<unknown>;
  on(event: string, listener: (params: unknown) => void): void;
}

const events = [
  'Target.targetCreated',
  'Target.targetInfoChanged',
  'Target.targetDestroyed',
  'Target.targetCrashed',
  'Target.attachedToTarget',
  'Target.detachedFromTarget',
  'Browser.downloadWillBegin',
  'Browser.downloadProgress',
];

/** Records every target and download event that a raw browser-level session hears. */
export class Watch {
  readonly log: { method: string; params: unknown }[] = [];
  readonly #types = new Set<string>();
  readonly #ids = new Set<string>();

  /** Takes in an event; made public for clients that hand on all events with one listener. */
  readonly record = (method: string, params: unknown): void => {
    if (!events.includes(method)) return;
    this.log.push({ method, params });
    const { targetInfo, targetId, sessionId, guid } = params as {
      targetInfo?: Protocol.Target.TargetInfo;
      targetId?: string;
      sessionId?: string;
      guid?: string;
    };
    if (targetInfo !== undefined) {
      this.#types.add(targetInfo.type);
      // the browser itself is one target, which clients of one Chrome may share
      if (targetInfo.type === 'browser') return;
      for (const id of [targetInfo.targetId, targetInfo.browserContextId, targetInfo.openerId]) {
        if (id !== undefined) this.#ids.add(id);
      }
    }
    for (const id of [targetId, sessionId, guid]) if (id !== undefined) this.#ids.add(id);
  };

  /** Listens on a session; downloads of all contexts are told of, as the session sets its own context's behaviour. */
  async start(session: RawSession): Promise<void> {
    for (const event of events) session.on(event, (params) => this.record(event, params));
    const { browserContextId } = (await session.send('Target.createBrowserContext', {
      disposeOnDetach: true,
    })) as Protocol.Target.CreateBrowserContextResponse;
    this.#ids.add(browserContextId);
    await session.send('Browser.setDownloadBehavior', {
      behavior: 'deny',
      browserContextId,
      eventsEnabled: true,
    });
    await session.send('Target.setDiscoverTargets', { discover: true, filter: [{}] });
  }

  /** Ids of targets, contexts, sessions and downloads that were mentioned. */
  get ids(): ReadonlySet<string> {
    return this.#ids;
  }

  /** Types of all targets that were mentioned. */
  get types(): string[] {
    return [...this.#types].sort();
  }

  /** The URLs of all targets and downloads that were mentioned. */
  get urls(): string[] {
    const urls = this.log.map(({ params }) => {
      const { targetInfo, url } = params as { targetInfo?: Protocol.Target.TargetInfo; url?: string };
      return targetInfo?.url ?? url ?? '';
    });
    return [...new Set(urls)].sort();
  }

  /** The downloads: which were begun, and how they ended. */
  downloads(): string[] {
    const told = this.log.map(({ method, params }) => {
      const { suggestedFilename, state } = params as { suggestedFilename?: string; state?: string };
      if (method === 'Browser.downloadWillBegin') return `began ${suggestedFilename}`;
      return state === undefined || state === 'inProgress' ? undefined : state;
    });
    return told.filter((line) => line !== undefined);
  }
}
