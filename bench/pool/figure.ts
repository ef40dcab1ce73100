import { quantile, singleRatio, type Figure, type Target } from '../figures.js';

/** A figure of cdpmux's with nothing to compare it with. */
export function alone(
  suite: string,
  name: string,
  unit: string,
  value: number,
  target?: Omit<Target, 'of'>,
): Figure {
  const figure = { suite, name, unit, direct: NaN, cdpmux: value, ratio: singleRatio(NaN) };
  return target ? { ...figure, target: { of: 'cdpmux', ...target } } : figure;
}

/** The same part (0 to 1) of two series that were measured in turns. */
export function beside(
  suite: string,
  name: string,
  unit: string,
  direct: readonly number[],
  cdpmux: readonly number[],
  part: number,
): Figure {
  const [one, other] = [quantile(direct, part), quantile(cdpmux, part)];
  const ratio = { ...singleRatio(other / one), rounds: cdpmux.length };
  return { suite, name, unit, direct: one, cdpmux: other, ratio, series: { direct, cdpmux } };
}
