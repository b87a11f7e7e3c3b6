const letterU = 117
const short: Readonly<Record<string, string>> = { b: '\b', f: '\f', n: '\n', r: '\r', t: '\t' }

/** JSON text as it reads with its escapes resolved, and where in the JSON text a place of it is. */
export type Unescaped = { readonly text: string; readonly wireAt: (at: number) => number }

const same = (at: number): number => at

/** Each escape becomes the one unit it stands for; what is cut off at the end stays as it is. Without escapes nothing is copied. */
export function unescaped(wire: string): Unescaped {
  let at = wire.indexOf('\\')
  if (at === -1) return { text: wire, wireAt: same }
  let text = ''
  let from = 0
  // Behind each escape: the place in the text, and in the wire.
  const ends: number[] = []
  const wireEnds: number[] = []
  while (at !== -1) {
    const end = escapeEnd(wire, at)
    if (end === null) {
      at = wire.indexOf('\\', at + 1)
      continue
    }
    text += wire.slice(from, at) + saidBy(wire, at)
    from = end
    ends.push(text.length)
    wireEnds.push(end)
    at = wire.indexOf('\\', end)
  }
  text += wire.slice(from)
  return { text, wireAt: (place) => wireAt(place, ends, wireEnds) }
}

/** Null: not whole, or none. */
function escapeEnd(wire: string, at: number): number | null {
  if (at + 1 >= wire.length) return null
  if (wire.charCodeAt(at + 1) !== letterU) return at + 2
  return unitAt(wire, at + 2) === null ? null : at + 6
}

function saidBy(wire: string, at: number): string {
  const code = wire.charCodeAt(at + 1)
  if (code === letterU) return String.fromCharCode(unitAt(wire, at + 2)!)
  const letter = wire[at + 1]!
  return short[letter] ?? letter
}

/** What four hexadecimal digits stand for. */
function unitAt(wire: string, at: number): number | null {
  let unit = 0
  for (let place = at; place < at + 4; place += 1) {
    const digit = digitOf(wire.charCodeAt(place))
    if (digit === null) return null
    unit = unit * 16 + digit
  }
  return unit
}

function digitOf(code: number): number | null {
  if (code >= 48 && code <= 57) return code - 48
  const lower = code | 32
  return lower >= 97 && lower <= 102 ? lower - 87 : null
}

function wireAt(place: number, ends: readonly number[], wireEnds: readonly number[]): number {
  // The last escape that ends before the place, or at it.
  let low = 0
  let high = ends.length
  while (low < high) {
    const middle = (low + high) >> 1
    if (ends[middle]! <= place) low = middle + 1
    else high = middle
  }
  return low === 0 ? place : wireEnds[low - 1]! + place - ends[low - 1]!
}
