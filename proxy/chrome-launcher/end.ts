/** How a launched browser ends: as Chrome does, or with a reason. */
export type End = { readonly code: 0 } | { readonly code: 1; readonly message: string };

/** What the close of its WebSocket means for the program that launched a browser. */
export function endOf(code: number, reason: string): End {
  if (code === 1000 || code === 1005) return { code: 0 };
  const why = reason === '' ? '' : `: ${reason}`;
  return { code: 1, message: `cdpmux ended this browser (${code}${why}); launch it again.` };
}
