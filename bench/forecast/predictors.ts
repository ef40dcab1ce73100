import { Forecast } from './fit.js';

/** The hard limit that is to be foretold and the soft one, MB, and how far ahead, ms. */
export const HARD = 500;
export const SOFT = 400;
export const HORIZON = 10_000;

/** Takes one size after the other; true when the hard limit is foretold. */
export type Predictor = (now: number, size: number) => boolean;

/** What is compared, by name; each makes one for a trace. */
export const predictors: Readonly<Record<string, () => Predictor>> = {
  'threshold only': () => (_now, size) => size > SOFT,
  'last two samples': () => {
    let before: { now: number; size: number } | undefined;
    return (now, size) => {
      const rate = before ? (size - before.size) / (now - before.now) : 0;
      before = { now, size };
      return rate > 0 && (HARD - size) / rate <= HORIZON;
    };
  },
  fit: () => {
    const forecast = new Forecast();
    return (now, size) => forecast.add(now, size, HARD, HORIZON);
  },
};
