import type { VirtualBrowser } from './virtual-browser.js';

/** `busy`: it can't answer for a reason that is its client's to end, such as a navigation or a dialog; `gone`: there is no such page. */
export type PageState = 'answers' | 'busy' | 'hung' | 'gone';

/**
 * Finds out whether a page answers, in a session of cdpmux's own, which is gone afterwards; takes `timeout` ms where it does not.
 * One that stands at a breakpoint answers.
 */
export function checkPage(virtual: VirtualBrowser, targetId: string, timeout: number): Promise<PageState> {
  const { upstream } = virtual.host;
  if (hasDialog(virtual, targetId)) return Promise.resolve('busy');
  return new Promise((resolve) => {
    let sessionId: string | undefined;
    let isNavigating = false;
    let isOver = false;
    const end = (state: PageState): void => {
      if (isOver) return;
      isOver = true;
      clearTimeout(halfway);
      clearTimeout(late);
      if (sessionId !== undefined) leave(sessionId);
      resolve(state);
    };
    const leave = (id: string): void => {
      upstream.unroute(id);
      upstream.call('Target.detachFromTarget', { sessionId: id }, virtual.rootId);
    };
    // While a page navigates, Chrome keeps what it is asked until there is an answer from the network. Only the Page domain tells; while it
    // is enabled dialogs wait for somebody, so it is only where the page is stuck anyway.
    const halfway = setTimeout(() => {
      if (sessionId !== undefined) upstream.call('Page.enable', undefined, sessionId);
    }, timeout / 2);
    const late = setTimeout(
      () => end(isNavigating || hasDialog(virtual, targetId) ? 'busy' : 'hung'),
      timeout,
    );
    const params = { targetId, flatten: true };
    upstream.call('Target.attachToTarget', params, virtual.rootId, (_, attached) => {
      if (!attached) end('gone');
      else if (isOver) leave(attached.sessionId);
      else {
        ({ sessionId } = attached);
        upstream.route(sessionId, {
          onEvent: (message, scan) => {
            if (scan.method(message) === 'Page.frameStartedNavigating') isNavigating = true;
          },
        });
        // An error is an answer, too; that of a page that goes meanwhile is none to worry about.
        upstream.call('Runtime.evaluate', { expression: '1' }, sessionId, () => end('answers'));
      }
    });
  });
}

/** Whether a dialog waits for its client; a frame of another process waits with its page's. */
function hasDialog(virtual: VirtualBrowser, targetId: string): boolean {
  const isFrame = virtual.host.target(targetId)?.info.type === 'iframe';
  return virtual.targets().some(({ info, dialog }) => {
    const isOpen = dialog !== undefined && virtual.host.session(dialog.id) !== undefined;
    return isOpen && (isFrame || info.targetId === targetId);
  });
}
