/**
 * Whether a set of policies may allow what another one refuses. It is sure of the contrary only when every policy that permits is in both, word for word, and so is every one
 * that forbids of the other: whatever is written otherwise counts as looser, because what Cedar would answer to every call cannot be asked. Comments, annotations and space do not count.
 */
export function mayAllowMore(policies: readonly string[], than: readonly string[]): boolean {
  const [after, before] = [policies.map(bodyOf), than.map(bodyOf)]
  const has = (list: readonly Body[], body: Body) => list.some(({ text }) => text === body.text)
  const permitsMore = after.some((body) => body.permits && !has(before, body))
  const forbidsLess = before.some((body) => !body.permits && !has(after, body))
  // One that fails refuses a call whatever the others say, and what computes nothing does not fail.
  const failsLess = before.some((body) => body.permits && body.computes && !has(after, body))
  return permitsMore || forbidsLess || failsLess
}

type Body = { text: string; permits: boolean; computes: boolean }

const token = /"(?:\\[\s\S]|[^"\\])*"|\/\/[^\n]*|\w+|[^\s\w"]/g
const computing = new Set(['+', '-', '*', 'decimal', 'ip', 'datetime', 'duration'])

/** A policy without what says nothing to Cedar. */
function bodyOf(policy: string): Body {
  const tokens = [...policy.matchAll(token)].map(([text]) => text).filter((text) => !text.startsWith('//'))
  let at = 0
  // @id("…"), or a name alone.
  while (tokens[at] === '@') at += tokens[at + 2] === '(' ? 5 : 2
  const body = tokens.slice(at)
  return { text: body.join(' '), permits: body[0] !== 'forbid', computes: body.some((each) => computing.has(each)) }
}
