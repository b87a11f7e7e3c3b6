import { formatMicros } from '#lib/core/money.ts'

/**
 * Text of the server made safe to print: agents and people write it, and a terminal obeys control characters. Tabs and line ends stay;
 * bidirectional overrides, which can make a name read as another, go.
 */
export function plain(text: string): string {
  return text.replaceAll(/[^\P{Cc}\n\t]|[\u2028\u2029\u202a-\u202e\u2066-\u2069]/gu, '\ufffd')
}

/** The same on one line. */
export function oneLine(text: string): string {
  return plain(text).replaceAll(/\s+/g, ' ').trim()
}

const segmenter = new Intl.Segmenter('en', { granularity: 'grapheme' })

/** How many columns a text takes; wide East Asian characters and emoji take two (UAX #11, approximated). */
export function textWidth(text: string): number {
  let width = 0
  for (const { segment } of segmenter.segment(text)) width += wide.test(segment) ? 2 : 1
  return width
}

/** Cuts a text to a width, saying so with an ellipsis. */
export function fit(text: string, width: number): string {
  if (textWidth(text) <= width) return text
  let kept = ''
  let used = 0
  for (const { segment } of segmenter.segment(text)) {
    const size = textWidth(segment)
    if (used + size > width - 1) break
    kept += segment
    used += size
  }
  return width > 0 ? `${kept}…` : ''
}

export function padEnd(text: string, width: number): string {
  return text + ' '.repeat(Math.max(0, width - textWidth(text)))
}

export function padStart(text: string, width: number): string {
  return ' '.repeat(Math.max(0, width - textWidth(text))) + text
}

/** Micro-dollars as a decimal string in dollars; `null` is not priced. */
export function money(micros: string | null): string {
  return micros === null ? '–' : formatMicros(BigInt(micros))
}

/** A cost, and what of it calls of tools make up, if some. */
export function costText({
  costMicros,
  callCostMicros,
}: {
  costMicros: string | null
  callCostMicros: string
}): string {
  return callCostMicros === '0'
    ? money(costMicros)
    : `${money(costMicros)}, of that calls of tools ${money(callCostMicros)}`
}

export function percent(rate: number | null): string {
  return rate === null ? '–' : `${(rate * 100).toFixed(1)} %`
}

/** `2026-11-22 12:40` in UTC. */
export function minute(iso: string | null): string {
  return iso === null ? '–' : iso.slice(0, 16).replace('T', ' ')
}

/** `12:40:05` in UTC. */
export function second(iso: string): string {
  return iso.slice(11, 19)
}

export function day(iso: string | null): string {
  return iso === null ? '–' : iso.slice(0, 10)
}

export function count(number: number, one: string, many = `${one}s`): string {
  return `${number.toLocaleString('en-US')} ${number === 1 ? one : many}`
}

const wide =
  /^[\u1100-\u115f\u2e80-\u303e\u3041-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6]|^\p{Emoji_Presentation}/u

/** What came of asking for the end of a rule that two people end. */
export function removalText(id: string, done: { removed: boolean; waits: boolean }): string {
  if (done.removed) return `Rule ${plain(id)} is removed.`
  if (done.waits) return `The end of rule ${plain(id)} is asked for: it holds until somebody else removes it, too.`
  return `Rule ${plain(id)} was removed already.`
}
