import { Countdown } from './countdown.js';
import type { ReadyContext, ReadyPage, Taken } from './ready-context.js';
import type { UnseenTarget } from './unseen.js';
import type { VirtualBrowser } from './virtual-browser.js';

/** Gives a virtual browser what was made ahead of need, as if all of it had been made for it. */
export function moveIn(
  virtual: VirtualBrowser,
  ready: ReadyContext,
  { page, others }: Taken,
  initialPage: boolean,
): void {
  // Chrome may well take the processor that the client's answer needs.
  virtual.host.upstream.gather();
  for (const target of others) showAsItIs(virtual, target);
  if (initialPage) for (const target of page.targets) showAsItIs(virtual, target);
  // One that runs already can't be shown later as a new one.
  else if (page.runs)
    virtual.host.upstream.call('Target.closeTarget', { targetId: page.targetId }, virtual.rootId);
  else virtual.spares.add(page);
  ready.giveSpare((spare) => virtual.spares.add(spare));
}

/** A target that its clients find there when they come: it runs from now on. */
function showAsItIs({ host }: VirtualBrowser, target: UnseenTarget): void {
  host.unseen.reveal(target);
  host.learn(target.latest);
  const { targetId } = target.first;
  for (const root of host.roots) {
    root.letRun(targetId);
    root.expectOwner(targetId);
  }
}

/**
 * Shows a page that was kept ready with the events that its owner's clients would have had, had it been made now; calls
 * `done` when those who attach by themselves have their sessions.
 */
export function showAsNew({ host }: VirtualBrowser, { targets }: ReadyPage, done: () => void): void {
  host.unseen.onGiven();
  const wait = new Countdown(() => {
    // It has come further since.
    for (const { latest } of targets) host.learn(latest);
    done();
  });
  for (const target of targets) {
    host.unseen.reveal(target);
    host.learn(target.first);
    for (const root of host.roots) root.deliver(target.first, wait);
  }
  wait.one();
}
