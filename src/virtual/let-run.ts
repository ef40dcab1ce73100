import type { ClientSession } from './client-session.js';

/** Longest that Chrome may take to answer the order to run, ms; a page whose navigation hangs answers with its end. */
const DEADLINE = 2_000;

/**
 * Lets run what waits for the debugger of a client that has gone, then calls `done` once; at once where nothing waits.
 * Chrome would go on holding it, and whoever comes next would wait for it. The sessions must not end before: until a
 * worker has answered, the end of the one above it undoes the order.
 */
export function letRun(root: ClientSession, done: () => void): void {
  if (heldBeneath(root).length === 0) {
    done();
    return;
  }
  const { host } = root.client.virtual;
  let isDone = false;
  const finish = (): void => {
    if (isDone) return;
    isDone = true;
    clearTimeout(timer);
    done();
  };
  const timer = setTimeout(finish, DEADLINE);
  timer.unref();
  const round = (): void => {
    const held = heldBeneath(root);
    if (held.length === 0) finish();
    let left = held.length;
    for (const session of held) {
      session.waiting = false;
      session.tell('Runtime.runIfWaitingForDebugger', undefined, () => {
        const record = host.target(session.targetId);
        if (record?.isExcess) host.closeExcess(record);
        left--;
        // What ran meanwhile may have started what waits in turn.
        if (left === 0 && !isDone) round();
      });
    }
  };
  round();
}

function heldBeneath(session: ClientSession): ClientSession[] {
  return [...session.children].flatMap((child) => [...(child.waiting ? [child] : []), ...heldBeneath(child)]);
}
