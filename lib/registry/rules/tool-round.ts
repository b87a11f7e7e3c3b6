import { canonicalJson, digestOfText } from '#lib/core/canonical-json.ts'
import type { LeftOutTool, ListedTool } from '../schema/tools.ts'
import type { ToolState } from '../schema/words.ts'

/** A tool as it is listed; `length` is that of its canonical form. */
export type Listed = { tool: ListedTool; hash: string; length: number }

/** What is known of a tool without its definition. */
type Known = { definitionHash: string; state: ToolState; approvedHash: string | null }

export type RoundPlan = {
  /** Known tools with a definition that agents may be shown, listed otherwise than before or again. */
  shown: Listed[]
  /** What is new or waits, as far as it is taken on now. */
  others: Listed[]
  leftOut: LeftOutTool[]
  gone: string[]
  /** Listed as before. */
  seen: string[]
}

/** So much that is new or waits is taken on in one round, and so many new ones in a day: real servers have fewer tools in all. */
const roundMax = { tools: 500, characters: 1_000_000 }
const dayMax = 2000
export const dayMs = 24 * 60 * 60_000

/** So much is written in one transaction, in which everybody else who decides about the server waits. */
const batchMax = { tools: 500, characters: 1_000_000 }

/** The tools with the digests of their definitions, one after the other; one that has none is left out. */
export function* digesting(
  tools: readonly ListedTool[],
): Generator<void, { listed: Map<string, Listed>; leftOut: LeftOutTool[] }> {
  const listed = new Map<string, Listed>()
  const leftOut: LeftOutTool[] = []
  for (const tool of tools) {
    try {
      const text = canonicalJson(tool)
      listed.set(tool.name, { tool, hash: digestOfText(text), length: text.length })
    } catch {
      leftOut.push({ name: tool.name, reason: 'Its definition has no canonical form.' })
    }
    yield
  }
  return { listed, leftOut }
}

/** What there is to do about what a server lists, and in which order: what agents may call now comes first. */
export function planOf(options: {
  listed: ReadonlyMap<string, Listed>
  /** All that are listed, or were when it was last looked. */
  known: ReadonlyMap<string, Known>
  /** How many were new in the last day. */
  newToday: number
}): RoundPlan {
  const { listed, known, newToday } = options
  const all = [...listed.values()]
  const differs = all.filter(({ tool, hash }) => !isKept(known.get(tool.name), hash))
  const shown = differs.filter(({ tool }) => isShown(known.get(tool.name)))
  const waiting = differs.filter(({ tool }) => known.has(tool.name) && !isShown(known.get(tool.name)))
  const fresh = differs.filter(({ tool }) => !known.has(tool.name))
  const taken = fresh.slice(0, Math.max(0, dayMax - newToday))
  const others = withinRound([...waiting, ...taken])
  const isTaken = new Set(others)
  const reason = `More is new than is taken on: ${roundMax.tools} tools and ${roundMax.characters} characters in one round, ${dayMax} new tools in one day.`
  return {
    shown,
    others,
    leftOut: [...waiting, ...fresh].filter((one) => !isTaken.has(one)).map(({ tool: { name } }) => ({ name, reason })),
    gone: [...known].filter(([name, { state }]) => state !== 'removed' && !listed.has(name)).map(([name]) => name),
    seen: all.filter(({ tool, hash }) => isKept(known.get(tool.name), hash)).map(({ tool }) => tool.name),
  }
}

/** What is listed is known and judged already. One that is suspended in the form that was approved is so because nothing newer could be kept. */
export function isKept(known: Known | undefined, hash: string): boolean {
  if (!known || known.state === 'removed' || known.definitionHash !== hash) return false
  return known.state !== 'quarantined' || known.approvedHash !== hash
}

function isShown(known: Known | undefined): boolean {
  return known !== undefined && (known.state === 'approved' || known.approvedHash !== null)
}

/** In parts that are each written in moments. */
export function batchesOf(listed: readonly Listed[]): Listed[][] {
  const batches: Listed[][] = []
  let characters = 0
  for (const one of listed) {
    const last = batches.at(-1)
    characters += one.length
    if (last && last.length < batchMax.tools && characters <= batchMax.characters) last.push(one)
    else {
      batches.push([one])
      characters = one.length
    }
  }
  return batches
}

function withinRound(listed: readonly Listed[]): Listed[] {
  let characters = 0
  const first = listed.slice(0, roundMax.tools)
  const end = first.findIndex(({ length }) => (characters += length) > roundMax.characters)
  return end === -1 ? first : first.slice(0, end)
}
