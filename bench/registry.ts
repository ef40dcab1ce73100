import type { Suite } from './suite.js';
import { batchingSuite } from './suites/batching.js';
import { connectSuite } from './suites/connect.js';
import { floodSuite } from './suites/flood.js';
import { idleSuite } from './suites/idle.js';
import { hogsSuite } from './suites/hogs.js';
import { batchSuite } from './suites/batch.js';
import { launchSuite } from './suites/launch.js';
import { linkSuite } from './suites/link.js';
import { memorySuite } from './suites/memory.js';
import { poolSuite } from './suites/pool.js';
import { requestsSuite } from './suites/requests.js';
import { samplerSuite } from './suites/sampler.js';
import { sessionSuite } from './suites/session.js';
import { soakSuite } from './suites/soak.js';
import { sweepSuite } from './suites/sweep.js';
import { wanSuite } from './suites/wan.js';
import { wireSuite } from './suites/wire.js';

/** All suites, in the order in which `--suite all` runs them. A new one is a file in `suites/` and a line here. */
export const suites: readonly Suite[] = [
  wireSuite,
  batchingSuite,
  sweepSuite,
  floodSuite,
  connectSuite,
  sessionSuite,
  requestsSuite,
  memorySuite,
  idleSuite,
  wanSuite,
  linkSuite,
  poolSuite,
  batchSuite,
  launchSuite,
  hogsSuite,
  samplerSuite,
  soakSuite,
];
