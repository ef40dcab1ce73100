/** A sample. */
export interface Point {
  readonly x: number;
  readonly y: number;
}

/** A line through points by least squares. */
export interface Line {
  readonly slope: number;
  /** Its value at x = 0. */
  readonly start: number;
  /** Standard error of the slope, for residuals that depend on the one before; Infinity where there are too few points. */
  readonly error: number;
  /** The same for residuals that don't depend on each other. */
  readonly uncorrected: number;
  /** How much residuals depend on the one before, 0 to 1. */
  readonly correlation: number;
}

/** More would leave less than a twentieth of the points, and a guess. */
const MOST = 0.9;

/**
 * Fits a line. Neighbouring samples resemble each other, so n of them say less than n independent ones: the error is that of
 * n (1 - r) / (1 + r) points, r being the correlation of neighbouring residuals (corrected for its bias in short series).
 */
export function fitLine(points: readonly Point[]): Line {
  const n = points.length;
  const mean = (of: (point: Point) => number): number =>
    points.reduce((sum, point) => sum + of(point), 0) / n;
  const [x, y] = [mean((point) => point.x), mean((point) => point.y)];
  const spread = n * mean((point) => (point.x - x) ** 2);
  if (n < 3 || spread === 0) {
    return { slope: 0, start: y, error: Infinity, uncorrected: Infinity, correlation: 0 };
  }
  const slope = (n * mean((point) => (point.x - x) * (point.y - y))) / spread;
  const residuals = points.map((point) => point.y - y - slope * (point.x - x));
  const squares = residuals.reduce((sum, one) => sum + one * one, 0);
  const start = y - slope * x;
  if (squares === 0) return { slope, start, error: 0, uncorrected: 0, correlation: 0 };
  const products = residuals.slice(1).reduce((sum, one, i) => sum + one * residuals[i]!, 0);
  const raw = products / squares;
  const correlation = Math.min(MOST, Math.max(0, raw + (1 + 4 * raw) / n));
  const independent = (n * (1 - correlation)) / (1 + correlation);
  const error = independent > 2 ? Math.sqrt(squares / (independent - 2) / spread) : Infinity;
  return { slope, start, error, uncorrected: Math.sqrt(squares / (n - 2) / spread), correlation };
}

/** Parts that the means are of. */
const PARTS = 8;
/** A line through so few points has wider tails: 3.5 errors of it are taken for 3. */
const FEW = 3.5 / 3;

/**
 * The line through the samples, or the one through the means of eight equal parts of them, whichever is further from zero by its error.
 * What grows late or ever faster is no straight line: its residuals resemble each other so much that the samples' line knows nothing of it.
 */
export function trendLine(points: readonly Point[]): Line {
  const line = fitLine(points);
  if (points.length < 2 * PARTS) return line;
  const means = Array.from({ length: PARTS }, (_, part) => {
    const [from, to] = [part, part + 1].map((one) => Math.floor((one * points.length) / PARTS));
    const some = points.slice(from, to);
    const mean = (of: (point: Point) => number): number =>
      some.reduce((sum, point) => sum + of(point), 0) / some.length;
    return { x: mean(({ x }) => x), y: mean(({ y }) => y) };
  });
  const { slope, start, uncorrected } = fitLine(means);
  const rough = { ...line, slope, start, error: FEW * uncorrected };
  return Math.abs(rough.slope) * line.error > Math.abs(line.slope) * rough.error ? rough : line;
}

/** What a slope says. */
export type Trend = 'zero within error' | 'too little to matter' | 'falls' | 'grows' | 'unsure';

/** So many standard errors are no chance any more. */
export const ERRORS = 3;

/** Judges a slope; below `matters` it is of no interest whatever its error. */
export function judge({ slope, error }: Line, matters: number): Trend {
  if (!Number.isFinite(error)) return 'unsure';
  if (Math.abs(slope) <= ERRORS * error) return 'zero within error';
  if (Math.abs(slope) <= matters) return 'too little to matter';
  return slope > 0 ? 'grows' : 'falls';
}
