// One of the processes of `npm run fuzz`: node fuzz-process.js <options as JSON>
import { Closers } from './closers.js';
import { runFuzz, type FuzzOptions, type FuzzReport } from './fuzz-run.js';

const [options = '{}'] = process.argv.slice(2);
// the parent may end without a word
const onOrphaned = (): boolean => process.kill(process.pid, 'SIGTERM');
process.on('disconnect', onOrphaned);
await Closers.with(async (closers) => {
  // nobody is left to hear it when the parent has ended
  const ignore = (): void => undefined;
  const onProgress = (report: FuzzReport): void => void process.send?.(report, undefined, {}, ignore);
  const report = await runFuzz({ ...(JSON.parse(options) as FuzzOptions), closers, onProgress });
  onProgress(report);
});
process.off('disconnect', onOrphaned);
if (process.connected) process.disconnect();
