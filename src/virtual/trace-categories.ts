/**
 * Categories for which each process of a Chrome is stopped again and again, whoever's it is: V8's profiler looks at the stack a
 * thousand times a second, memory dumps walk through all that there is.
 */
const sampling = [
  'disabled-by-default-v8.cpu_profiler',
  'disabled-by-default-v8.cpu_profiler.hires',
  'disabled-by-default-v8.runtime_stats_sampling',
  'disabled-by-default-cpu_profiler',
  'disabled-by-default-cpu_profiler.debug',
  'disabled-by-default-memory-infra',
  'disabled-by-default-memory-infra.v8.code_stats',
];
/** Only patterns that begin with it reach what is off by default; `*` alone does not. */
const OFF_BY_DEFAULT = 'disabled-by-default-';

/** Whether a category, or one that a pattern with `*` and `?` may mean, has Chrome sample all its processes. */
function samples(category: string): boolean {
  const pattern = category.trim();
  if (!pattern.startsWith(OFF_BY_DEFAULT)) return false;
  const [literal = ''] = pattern.split(/[*?\\]/, 1);
  if (literal === pattern) return sampling.includes(pattern);
  return sampling.some((name) => name.startsWith(literal));
}

/** The categories that a client may record without weighing on those beside it. */
export function withoutSampling(categories: readonly unknown[]): string[] {
  return categories.filter((one): one is string => typeof one === 'string' && !one.split(',').some(samples));
}
