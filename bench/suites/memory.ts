import { memory } from '../memory.js';
import type { Suite } from '../suite.js';

/** What clients with a page each take. */
export const memorySuite: Suite = {
  name: 'memory',
  measures: 'what clients with a page each take',
  run: (run) => memory({ executable: run.executable, clients: run.number('clients'), closers: run.closers }),
};
