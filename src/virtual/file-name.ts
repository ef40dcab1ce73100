/** Leaves room for a number where a name is taken, below the 255 bytes of most file systems. */
const LONGEST = 200;
/** Numbers that are tried where a name is taken. */
const TRIES = 100;

/** Whether a text may name a file: one that stays in its directory, on every system. */
export function isFileName(text: string): boolean {
  // control characters, separators, and halves of characters, which would be one name for two texts
  return (
    /^[^\p{Cc}\p{Cs}/\\]+$/u.test(text) && text !== '.' && text !== '..' && Buffer.byteLength(text) <= LONGEST
  );
}

/** The name, or one like `name (1).ext` that is free; undefined where too many are taken. */
export function freeName(name: string, isTaken: (name: string) => boolean): string | undefined {
  if (!isTaken(name)) return name;
  const dot = name.lastIndexOf('.');
  const [stem, extension] = dot > 0 ? [name.slice(0, dot), name.slice(dot)] : [name, ''];
  for (let count = 1; count <= TRIES; count++) {
    const next = `${stem} (${count})${extension}`;
    if (!isTaken(next)) return next;
  }
  return undefined;
}
