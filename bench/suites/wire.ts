import { execFile } from 'node:child_process';
import { basename } from 'node:path';
import { promisify } from 'node:util';

import { startCdpmux } from '../cdpmux.js';
import { startHaproxy } from '../haproxy.js';
import { startJsonProxy } from '../json-proxy.js';
import { startRelay } from '../relay.js';
import type { Suite } from '../suite.js';
import { wire, type Control } from '../wire.js';

/** Latency, throughput and large results of single commands. */
export const wireSuite: Suite = {
  name: 'wire',
  measures:
    'single commands: latency alone and at a fixed rate, throughput, large results, CPU time, memory; beside a direct Chrome, a JSON.parse proxy, and HAProxy where it is installed',
  flags: {
    haproxy: { default: false, help: 'wire: fail where HAProxy is not installed' },
    against: {
      default: '',
      help: 'wire: the directory of another cdpmux that is built, as a control: before and after a change',
    },
    relay: { default: false, help: 'wire: a relay of bytes written for Node as a control, too' },
  },
  async run(run) {
    const [direct, cdpmux] = [await run.direct(), await run.cdpmux()];
    const controls: Control[] = [];
    const hasHaproxy = run.isSet('haproxy') || (await isInstalled('haproxy'));
    for (const [name, isWanted, start, reach] of [
      ['HAProxy', hasHaproxy, startHaproxy, { p50: 1.05 }],
      ['a JSON.parse proxy', true, startJsonProxy, { cpu: 0.7 }],
      ['a relay in Node', run.isSet('relay'), startRelay, {}],
    ] as const) {
      if (!isWanted) continue;
      const control = await start(direct.wsUrl);
      run.closers.add(() => control.close());
      controls.push({ name, url: control.wsUrl, pid: control.pid, reach });
    }
    const root = run.text('against');
    if (root !== undefined) {
      const other = await startCdpmux(run.executable, { root });
      run.closers.add(() => other.close());
      controls.push({ name: `cdpmux in ${basename(root)}`, url: other.wsUrl, pid: other.pid });
    }
    return wire({
      directUrl: direct.wsUrl,
      directPid: direct.pid,
      cdpmuxUrl: cdpmux.wsUrl,
      cdpmuxPid: cdpmux.pid,
      controls,
      seconds: run.number('seconds'),
    });
  },
};

async function isInstalled(program: string): Promise<boolean> {
  try {
    await promisify(execFile)(program, ['-v'], { timeout: 5_000 });
    return true;
  } catch {
    return false;
  }
}
