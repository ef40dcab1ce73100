// The clients of the chaos, in a process of their own: what cdpmux's process has is cdpmux's alone.
import { doUnit, kinds, type ClientKind } from './work.js';
import { serve } from './workers.js';

serve({
  kindOf: (unit) => kinds[unit % kinds.length] ?? 'raw CDP',
  doUnit: (kind, job) => doUnit(kind as ClientKind, job),
});
