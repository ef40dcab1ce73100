import { tmpdir } from 'node:os';
import { parseArgs } from 'node:util';

import { findChrome } from '../src/chrome/executable.js';
import { median } from './figures.js';
import { HARD, HORIZON, predictors, type Predictor } from './forecast/predictors.js';
import { record } from './forecast/record.js';
import { recorded, STEP, synthetic, type Trace } from './forecast/traces.js';

const { values } = parseArgs({
  options: {
    each: { type: 'string', default: '200' },
    seed: { type: 'string', default: '7' },
    record: { type: 'boolean', default: false },
  },
});

/** An alarm is of use when it comes so long before the limit is met, ms: a Chrome starts meanwhile. */
const USEFUL = 1_000;

/** What one way of foretelling came to on one trace. */
interface Verdict {
  readonly kind: string;
  /** When the limit was met, and when it was first foretold, ms. */
  readonly met: number | undefined;
  readonly foretold: number | undefined;
}

if (values.record) {
  await record(await findChrome({ kind: 'auto', env: process.env, tmpDir: tmpdir() }));
}
for (const [title, traces] of [
  ['synthetic traces', synthetic(Number(values.each), Number(values.seed))],
  ['recorded traces', recorded()],
] as const) {
  const meets = traces.filter((trace) => metAt(trace) !== undefined).length;
  console.log(
    `${traces.length} ${title}, of which ${meets} meet ${HARD} MB; foretold ${HORIZON / 1_000} s ahead\n`,
  );
  console.log(
    '| | precision | recall | lead, median s | false alarms by kind |\n| --- | --- | --- | --- | --- |',
  );
  for (const [name, make] of Object.entries(predictors)) {
    console.log(
      row(
        name,
        traces.map((trace) => judge(trace, make())),
      ),
    );
  }
  console.log('');
}

function metAt({ sizes }: Trace): number | undefined {
  const at = sizes.findIndex((size) => size > HARD);
  return at === -1 ? undefined : at * STEP;
}

function judge(trace: Trace, predict: Predictor): Verdict {
  const met = metAt(trace);
  const end = met === undefined ? trace.sizes.length : met / STEP;
  const at = trace.sizes.slice(0, end).findIndex((size, step) => predict(step * STEP, size));
  return { kind: trace.kind, met, foretold: at === -1 ? undefined : at * STEP };
}

/** An alarm more than twice the horizon ahead is a false one as well: the Chrome would be kept from clients for nothing. */
function row(name: string, verdicts: readonly Verdict[]): string {
  const leads = verdicts.flatMap(({ met, foretold }) =>
    met !== undefined && foretold !== undefined ? [met - foretold] : [],
  );
  const right = leads.filter((lead) => lead <= 2 * HORIZON);
  const useful = right.filter((lead) => lead >= USEFUL);
  const alarms = verdicts.filter(({ foretold }) => foretold !== undefined);
  const wrong = alarms.filter(({ met, foretold }) => met === undefined || met - foretold! > 2 * HORIZON);
  const kinds = new Map<string, number>();
  for (const { kind } of wrong) kinds.set(kind, (kinds.get(kind) ?? 0) + 1);
  const all = verdicts.filter(({ met }) => met !== undefined).length;
  const share = (part: number, of: number): string => (of === 0 ? '–' : (part / of).toFixed(2));
  const cells = [
    name,
    share(right.length, alarms.length),
    share(useful.length, all),
    useful.length === 0 ? '–' : (median(useful) / 1_000).toFixed(1),
    [...kinds].map(([kind, count]) => `${kind} ${count}`).join(', ') || 'none',
  ];
  return `| ${cells.join(' | ')} |`;
}
