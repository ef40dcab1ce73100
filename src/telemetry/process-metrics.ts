import { collectDefaultMetrics, Registry } from 'prom-client';

/** Once per process, because its garbage collection observer and its event loop monitor can't be stopped again. */
let registry: Registry | undefined;

/** CPU, memory, event loop and garbage collection of this process, as Prometheus text. */
export function processMetrics(): Promise<string> {
  if (registry === undefined) {
    registry = new Registry();
    collectDefaultMetrics({ register: registry });
  }
  return registry.metrics();
}
