import { startHaproxy } from '../haproxy.js';
import { startRelay } from '../relay.js';
import type { Suite } from '../suite.js';
import { wire } from '../wire.js';

/** Latency, throughput and large results of single commands. */
export const wireSuite: Suite = {
  name: 'wire',
  measures: 'single commands: latency, throughput, large results',
  flags: {
    haproxy: { default: false, help: 'wire: HAProxy in TCP mode as a control (must be installed)' },
    relay: { default: false, help: 'wire: a relay of bytes written for Node as a control' },
  },
  async run(run) {
    const [direct, cdpmux] = [await run.direct(), await run.cdpmux()];
    const controls: { name: string; url: string }[] = [];
    for (const [name, flag, start] of [
      ['HAProxy', 'haproxy', startHaproxy],
      ['a relay in Node', 'relay', startRelay],
    ] as const) {
      if (!run.isSet(flag)) continue;
      const control = await start(direct.wsUrl);
      run.closers.add(() => control.close());
      controls.push({ name, url: control.wsUrl });
    }
    const seconds = run.number('seconds');
    return wire({ directUrl: direct.wsUrl, cdpmuxUrl: cdpmux.wsUrl, controls, seconds });
  },
};
