import type { Suite } from './suite.js';
import { hogsSuite } from './suites/hogs.js';
import { launchSuite } from './suites/launch.js';
import { linkSuite } from './suites/link.js';
import { memorySuite } from './suites/memory.js';
import { poolSuite } from './suites/pool.js';
import { samplerSuite } from './suites/sampler.js';
import { sessionSuite } from './suites/session.js';
import { wireSuite } from './suites/wire.js';

/** All suites, in the order in which `--suite all` runs them. A new one is a file in `suites/` and a line here. */
export const suites: readonly Suite[] = [
  wireSuite,
  sessionSuite,
  memorySuite,
  linkSuite,
  poolSuite,
  launchSuite,
  hogsSuite,
  samplerSuite,
];
