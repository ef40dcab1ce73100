/** What keeps this process's event loop busy, by kind. */
export function resources(): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const kind of process.getActiveResourcesInfo()) {
    counts[`resource ${kind}`] = (counts[`resource ${kind}`] ?? 0) + 1;
  }
  return counts;
}
