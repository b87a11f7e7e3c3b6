/** One policy of a text: its words, and where they begin in it. */
export type Piece = { text: string; start: number }

/**
 * The policies of a text, each with the comments before it, up to its semicolon. What follows the last one and is more than space and comments
 * is a piece too, so that the parser can say what is wrong with it.
 */
export function splitPolicies(source: string): Piece[] {
  const pieces: Piece[] = []
  let start = 0
  // A string with its escapes (one without an end takes all the rest), a comment to the end of the line, or the end of a policy.
  for (const { 0: token, index } of source.matchAll(/"(?:\\[\s\S]?|[^"\\])*(?:"|$)|\/\/[^\n]*|;/g)) {
    if (token !== ';') continue
    pieces.push(pieceOf(source, start, index + 1))
    start = index + 1
  }
  const rest = source.slice(start)
  if (rest.replaceAll(/\/\/[^\n]*/g, '').trim() !== '') pieces.push(pieceOf(source, start, source.length))
  return pieces
}

/** Several texts as one: what a person reads and what line numbers are of. */
export function joinPolicies(texts: readonly string[]): string {
  return texts.map((text) => `${text.trim()}\n`).join('\n')
}

function pieceOf(source: string, start: number, end: number): Piece {
  const raw = source.slice(start, end)
  const text = raw.trimStart()
  return { text: text.trimEnd(), start: start + raw.length - text.length }
}
