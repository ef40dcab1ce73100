import type { TopLevelSpec } from 'vega-lite';

import type { Report } from './report.js';
import { svgOf } from './svg.js';

/** Room for one figure, pixels. */
const STEP = 22;

/**
 * A chart of a suite's ratios as SVG: a point for each median, a line from the lower to the upper quartile, and what is to be reached as a
 * tick; left of 1 cdpmux's number is the smaller one. Undefined where the suite has no ratios.
 */
export async function chart(report: Report, suite: string): Promise<string | undefined> {
  const values = report.figures
    .filter((one) => one.suite === suite && one.ratio.median !== null && Number.isFinite(one.ratio.median))
    .map(({ name, ratio, target, met }) => ({
      name,
      ...ratio,
      reach: target?.of === 'ratio' ? target.value : null,
      state: met === undefined ? 'no aim' : met ? 'met' : 'short',
    }));
  if (values.length === 0) return undefined;
  const y = { field: 'name', type: 'nominal', sort: null, title: null, axis: { labelLimit: 620 } } as const;
  const x = { type: 'quantitative', scale: { type: 'log', nice: false, padding: 12 } } as const;
  const spec: TopLevelSpec = {
    $schema: 'https://vega.github.io/schema/vega-lite/v6.json',
    background: 'white',
    title: { text: `${suite}: cdpmux by what stands beside it`, anchor: 'start' },
    width: 420,
    height: { step: STEP },
    data: { values },
    layer: [
      { mark: { type: 'rule', color: '#999' }, encoding: { x: { datum: 1, ...x } } },
      {
        mark: { type: 'rule', strokeWidth: 2 },
        encoding: { y, x: { field: 'low', title: 'ratio', ...x }, x2: { field: 'high' }, color: colour },
      },
      {
        mark: { type: 'point', filled: true, size: 55 },
        encoding: { y, x: { field: 'median', ...x }, color: colour },
      },
      {
        transform: [{ filter: 'isValid(datum.reach)' }],
        mark: { type: 'tick', color: 'black', thickness: 2 },
        encoding: { y, x: { field: 'reach', ...x } },
      },
    ],
  };
  return svgOf(spec);
}

const colour = {
  field: 'state',
  type: 'nominal',
  title: null,
  scale: { domain: ['met', 'short', 'no aim'], range: ['#2a7f3f', '#c0392b', '#4a6fa5'] },
} as const;
