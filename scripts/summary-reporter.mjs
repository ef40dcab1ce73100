// Leaves the counts of a test run for .ci/run in the file named by CDPMUX_TEST_SUMMARY.
import { writeFileSync } from 'node:fs';

/** Jest reporter that writes `N passed, N failed, N skipped`. */
export default class SummaryReporter {
  /** @param {unknown} _contexts @param {import('@jest/reporters').AggregatedResult} results */
  onRunComplete(_contexts, results) {
    const file = process.env['CDPMUX_TEST_SUMMARY'];
    if (file === undefined) return;
    // a file that does not load has no tests that could fail
    const failed = results.numFailedTests + results.numRuntimeErrorTestSuites;
    const skipped = results.numPendingTests + results.numTodoTests;
    writeFileSync(file, `${results.numPassedTests} passed, ${failed} failed, ${skipped} skipped\n`);
  }
}
