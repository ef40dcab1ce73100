// The clients of a soak, in a process of their own.
import { serve } from '../chaos/workers.js';
import { workOf } from './order.js';
import { works, type Work } from './works.js';

/** With which cdpmux closes who holds too much. */
const EVICTED = 4413;

serve({
  kindOf: workOf,
  doUnit: (kind, job) => works[kind as Work](job),
  isMeant: (kind, { close }) => kind === 'leak' && close?.code === EVICTED,
});
