/** Parses JSON in which comments and commas before a closing bracket are allowed; throws SyntaxError as JSON.parse does. */
export function parseJsonWithComments(source: string): unknown {
  return JSON.parse(withoutTrailingCommas(withoutComments(source)));
}

const STRING_OR_COMMENT = /"(?:[^"\\]|\\.)*"|\/\/[^\n]*|\/\*[^]*?\*\//g;

/** Blanks keep every position, so that a syntax error still points to the right place. */
function withoutComments(source: string): string {
  return source.replace(STRING_OR_COMMENT, (match) =>
    match.startsWith('"') ? match : match.replace(/[^\n]/g, ' '),
  );
}

function withoutTrailingCommas(source: string): string {
  return source.replace(/"(?:[^"\\]|\\.)*"|,(?=\s*[\]}])/g, (match) => (match === ',' ? ' ' : match));
}
