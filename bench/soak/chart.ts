import type { TopLevelSpec } from 'vega-lite';

import { svgOf } from '../svg.js';
import type { SoakReport } from './report.js';

/** Size of one series, pixels. */
const [WIDTH, HEIGHT] = [260, 110];
const COLUMNS = 3;

/** All series over time as SVG: a point for each round (grey in the warm-up), and the line through them. */
export async function soakChart({ rounds, slopes, warmUp }: SoakReport): Promise<string> {
  const values = slopes.flatMap(({ key, name, unit, line }) => {
    const series = unit === '' ? name : `${name}, ${unit}`;
    return rounds
      .map(({ hours, values }) => ({
        series,
        hours,
        value: values[key] ?? null,
        phase: hours > warmUp ? 'measured' : 'warm-up',
        line: hours > warmUp ? line.start + line.slope * hours : null,
      }))
      .filter(({ value }) => value !== null && Number.isFinite(value));
  });
  const x = { field: 'hours', type: 'quantitative', title: null } as const;
  const y = { field: 'value', type: 'quantitative', title: null, scale: { zero: false } } as const;
  const spec: TopLevelSpec = {
    $schema: 'https://vega.github.io/schema/vega-lite/v6.json',
    background: 'white',
    data: { values },
    facet: { field: 'series', type: 'nominal', title: null, sort: null, header: { labelLimit: WIDTH } },
    columns: COLUMNS,
    resolve: { scale: { y: 'independent' } },
    spec: {
      width: WIDTH,
      height: HEIGHT,
      layer: [
        { mark: { type: 'point', filled: true, size: 14 }, encoding: { x, y, color: colour } },
        {
          transform: [{ filter: 'isValid(datum.line)' }],
          mark: { type: 'line', color: '#c0392b', strokeWidth: 1.5 },
          encoding: { x, y: { ...y, field: 'line' } },
        },
      ],
    },
  };
  return svgOf(spec);
}

const colour = {
  field: 'phase',
  type: 'nominal',
  title: null,
  scale: { domain: ['warm-up', 'measured'], range: ['#bbb', '#4a6fa5'] },
} as const;
