/** Cedar, compiled to WebAssembly, overflows its stack at some 150 brackets in one another, or some 380 parts in one chain. */
export const nestingMax = 40
export const chainMax = 200

type Found = { offset: number; message: string; help: string }

/** A string, a comment, a word, or a sign. */
const tokens = /"(?:\\[\s\S]?|[^"\\])*(?:"|$)|\/\/[^\n]*|[A-Za-z_]\w*|\|\||&&|::|\S/g
const joins = new Set(['||', '&&', '+', '-', '*', '!', 'if', 'when', 'unless'])
const opens = new Set(['(', '[', '{'])
const closes = new Set([')', ']', '}'])
/** What ends a chain of attributes and calls. */
const separates = new Set([...joins, ',', '=', '<', '>', 'in', 'has', 'like', 'is', 'then', 'else'])

/** Why a policy must not be given to Cedar: read from the text, since parsing it could already break Cedar. Null: it may. */
export function tooDeep(policy: string): Found | null {
  let joined = 0
  /** Of every open bracket, the attributes and calls in a row before it; the last: of what is read now. */
  const rows = [0]
  let depth = 0
  for (const { 0: token, index } of policy.matchAll(tokens)) {
    if (joins.has(token) && (joined += 1) > chainMax) {
      const help =
        'Write a set instead of a chain of comparisons ([…].contains(…), resource in […]), or several policies.'
      return { offset: index, message: `The policy joins more than ${chainMax} conditions.`, help }
    }
    if (opens.has(token)) {
      // `a["b"]` and `a.b()` are one more in the row.
      rows[rows.length - 1]! += 1
      depth += 1
      rows.push(0)
    } else if (closes.has(token)) {
      if (rows.length > 1) depth -= rows.pop()!
    } else if (token === '.') {
      rows[rows.length - 1]! += 1
      depth += 1
    } else if (separates.has(token)) {
      depth -= rows.at(-1)!
      rows[rows.length - 1] = 0
    }
    if (depth > nestingMax) {
      const message = `The policy nests brackets or attributes more than ${nestingMax} deep.`
      return { offset: index, message, help: 'Leave out brackets that are not needed, or write several policies.' }
    }
  }
  return null
}
