/** What is said of flags, and of other things, that a virtual browser goes without. */
export function leftOutText(leftOut: readonly string[]): string {
  return `a virtual browser can't have, and goes without: ${leftOut.join(', ')}`;
}
