/** Samples of a cdpmux's `/metrics`, by name with labels. */
export async function scrape(url: string): Promise<ReadonlyMap<string, number>> {
  const text = await (await fetch(`${url}/metrics`)).text();
  const lines = text.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
  return new Map(
    lines.map((line) => {
      const at = line.lastIndexOf(' ');
      return [line.slice(0, at), Number(line.slice(at + 1))];
    }),
  );
}

/** The upper bound of the bucket below which that part of a histogram's samples lie, counted between two scrapes. */
export function bucketBelow(
  name: string,
  part: number,
  before: ReadonlyMap<string, number>,
  after: ReadonlyMap<string, number>,
): number {
  const grown = (sample: string): number => (after.get(sample) ?? 0) - (before.get(sample) ?? 0);
  const total = grown(`${name}_count`);
  for (const sample of after.keys()) {
    const bound = sample.startsWith(`${name}_bucket{le="`) ? sample.slice(name.length + 12, -2) : undefined;
    if (bound !== undefined && grown(sample) >= part * total)
      return bound === '+Inf' ? Infinity : Number(bound);
  }
  return NaN;
}
