import { memory, memorySweep } from '../memory.js';
import type { Suite } from '../suite.js';

/** What clients with a page each take. */
export const memorySuite: Suite = {
  name: 'memory',
  measures: 'what clients with a page each take: --clients of them, and as many as --memory says',
  flags: { memory: { default: '1,5,20,50', help: 'memory: numbers of clients, rising' } },
  async run(run) {
    const { executable, closers } = run;
    return [
      ...(await memory({ executable, clients: run.number('clients'), closers })),
      ...(await memorySweep({ executable, closers }, run.numbers('memory'))),
    ];
  },
};
