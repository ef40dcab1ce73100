import type { EventFeed } from '../telemetry/event-feed.js';
import type { Metrics } from '../telemetry/metrics.js';

/** Counts what happens to browsers, as the feed tells it. */
export function countEvents(feed: EventFeed, metrics: Metrics): void {
  feed.listen(({ type, fields }) => {
    if (type === 'browser.launching') metrics.countLaunch();
    else if (type === 'browser.launch-failed') metrics.countLaunchFailure();
    else if (type === 'browser.lost') metrics.countLost();
    else if (type === 'browser.recycled') metrics.countRecycled();
    else if (type.startsWith('browser.health-')) {
      metrics.health.transitions.inc({ to: type.slice('browser.health-'.length) });
    } else if (type === 'renderer.slowed') metrics.health.slowedRenderers.inc();
    else if (type === 'page.hung') metrics.health.hungPages.inc({ action: String(fields['action']) });
  });
}
