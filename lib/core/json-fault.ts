/** Where a text stops being JSON. Lines and columns are counted from 1. */
export type JsonFault = { line: number; column: number; message: string }

const blank = /[ \t\r\n]*/y
const scalar =
  /"(?:[ !#-[\]-\uffff]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*"|-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?|true|false|null/y
const name = /"(?:[ !#-[\]-\uffff]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*"/y

/**
 * The place at which a text that `JSON.parse` refuses is no JSON any more, which the engine says only sometimes and in changing words; null
 * when it is JSON after all. Without recursion, so that depth costs nothing.
 */
export function jsonFault(text: string): JsonFault | null {
  let at = 0
  const open: ('[' | '{')[] = []
  const fault = (message: string) => placed(text, at, message)
  const skip = (pattern: RegExp): boolean => {
    pattern.lastIndex = at
    const found = pattern.test(text)
    if (found) at = pattern.lastIndex
    return found
  }
  const take = (character: string): boolean => {
    skip(blank)
    if (text[at] !== character) return false
    at += 1
    return true
  }
  const member = (): JsonFault | null => {
    skip(blank)
    if (!skip(name)) return fault('A name in double quotes is missing.')
    return take(':') ? null : fault('A colon is missing.')
  }
  for (;;) {
    // A value begins here.
    if (take('[')) {
      open.push('[')
      if (!take(']')) continue
      open.pop()
    } else if (take('{')) {
      open.push('{')
      if (!take('}')) {
        const wrong = member()
        if (wrong) return wrong
        continue
      }
      open.pop()
    } else if (!skip(scalar)) return fault(text[at] === '"' ? 'This text is not closed, or has a character that must be escaped.' : 'A value is missing.') // prettier-ignore
    // A value has ended; so may what is around it.
    for (let inside = open.at(-1); ; inside = open.at(-1)) {
      if (inside === undefined) {
        skip(blank)
        return at === text.length ? null : fault('Something follows after the end.')
      }
      if (take(',')) break
      if (!take(inside === '[' ? ']' : '}')) return fault(`A comma or ${inside === '[' ? ']' : '}'} is missing.`)
      open.pop()
    }
    if (open.at(-1) === '{') {
      const wrong = member()
      if (wrong) return wrong
    }
  }
}

function placed(text: string, at: number, message: string): JsonFault {
  const before = text.slice(0, at)
  const line = before.split('\n').length
  return { line, column: at - before.lastIndexOf('\n'), message: at >= text.length ? 'It ends too early.' : message }
}
