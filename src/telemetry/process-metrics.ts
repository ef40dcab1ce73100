import { collectDefaultMetrics, Registry } from 'prom-client';

/** Once per process, because its garbage collection observer and its event loop monitor can't be stopped again. */
let registry: Registry | undefined;

/** CPU, memory, event loop and garbage collection of this process, as Prometheus text. */
export function processMetrics(): Promise<string> {
  if (registry === undefined) {
    registry = new Registry();
    collectDefaultMetrics({ register: registry });
    // Gauges named as if they were counters, which promtool refuses; each has a twin without _total beside it.
    for (const what of ['handles', 'requests', 'resources']) {
      registry.removeSingleMetric(`nodejs_active_${what}_total`);
    }
  }
  return registry.metrics();
}
