// One of the processes of `npm run fuzz`: node fuzz-process.js <options as JSON>
import { Closers } from './closers.js';
import { runFuzz, type FuzzOptions } from './fuzz-run.js';

const [options = '{}'] = process.argv.slice(2);
// the parent may end without a word
process.on('disconnect', () => process.kill(process.pid, 'SIGTERM'));
await Closers.with(async (closers) => {
  const onProgress: FuzzOptions['onProgress'] = (report) => void process.send?.(report);
  const report = await runFuzz({ ...(JSON.parse(options) as FuzzOptions), closers, onProgress });
  process.send?.(report);
});
process.disconnect();
