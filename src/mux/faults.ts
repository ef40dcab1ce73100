import type { Metrics } from '../telemetry/metrics.js';
import type { MuxOptions } from './options.js';

/** Options that count errors of cdpmux's own before they are told: where nobody listens, as warnings of Node's. */
export function countFaults(options: MuxOptions, metrics: Metrics): MuxOptions {
  const { onFault = (error: unknown) => process.emitWarning(String(error)) } = options;
  return {
    ...options,
    onFault: (error) => {
      metrics.countFault();
      onFault(error);
    },
  };
}
