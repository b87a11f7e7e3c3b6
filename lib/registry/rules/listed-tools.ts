import { finished } from '#lib/core/gently.ts'
import { isRecord } from '#lib/core/is-record.ts'
import { cutText, storableText } from '#lib/core/storable.ts'
import { hasSoundHeaders } from './sound-headers.ts'
import { type LeftOutTool, type ListedTool, listedTool } from '../schema/tools.ts'

/** `leftOut`: the first of what is no tool, each once; `leftOutTotal`: how many entries are none. */
export type ListedTools = { tools: ListedTool[]; leftOut: LeftOutTool[]; leftOutTotal: number }

/** A list of more entries is refused as a whole: taking each apart would cost everybody else their time. */
export const listedMax = 10_000
/** So many are kept by name; how many there are is counted. */
export const leftOutMax = 50

const nameMax = 200
/** As deep as a definition is kept, and no deeper than it can be digested. */
const levelsMax = 200
const unsound = 'The headers it declares for its arguments (x-mcp-header) cannot be sent.'
/** More than any real tool has; each takes time to be judged, and calls go through the same process. */
const valuesMax = 5000
const charactersMax = 100_000
const repeated = 'It is listed more than once: the first one counts.'

/**
 * Takes what a server lists apart: the tools, each as the server says it, and what is none, each with why. One that is none hides none of
 * the others.
 */
export function readListedTools(listed: readonly unknown[]): ListedTools {
  return finished(readingListedTools(listed))
}

/** The same, entry by entry: a long list takes its time. */
export function* readingListedTools(listed: readonly unknown[]): Generator<void, ListedTools> {
  const tools = new Map<string, ListedTool>()
  const leftOut = new Map<string, LeftOutTool>()
  let leftOutTotal = 0
  const leaveOut = (one: LeftOutTool): void => {
    leftOutTotal += 1
    if (leftOut.size < leftOutMax) leftOut.set(JSON.stringify([one.name, one.reason]), one)
  }
  for (const item of listed) {
    yield
    const reason = whyNone(item)
    const tool = item as ListedTool
    if (reason !== null) leaveOut({ name: shownName(item), reason })
    else if (tools.has(tool.name)) leaveOut({ name: tool.name, reason: repeated })
    else tools.set(tool.name, tool)
  }
  return { tools: [...tools.values()], leftOut: [...leftOut.values()], leftOutTotal }
}

function whyNone(item: unknown): string | null {
  if (!isRecord(item)) return 'It is no object.'
  const { name } = item
  if (typeof name === 'string' && storableText(name) !== name) return 'Its name has characters that cannot be kept.'
  const unkept = whyNotKept(item)
  if (unkept !== null) return unkept
  const parsed = listedTool.safeParse(item)
  if (!parsed.success) return parsed.error.issues[0]!.message
  // MCP has clients leave out a tool whose declared headers cannot be sent.
  return hasSoundHeaders(parsed.data.inputSchema) ? null : unsound
}

/** Looks at no more of it than may be. */
function whyNotKept(item: object): string | null {
  let values = 0
  let characters = 0
  const look = (value: unknown, levels: number): string | null => {
    values += 1
    if (values > valuesMax) return `It has more than ${valuesMax} values.`
    if (typeof value === 'number')
      return Number.isFinite(value) ? null : 'It has a number that is too large to be kept.'
    if (typeof value === 'string') characters += value.length
    if (characters > charactersMax) return `It is longer than ${charactersMax} characters.`
    if (typeof value !== 'object' || value === null) return null
    if (levels === 0) return `It is nested more than ${levelsMax} levels deep.`
    const isList = Array.isArray(value)
    for (const key in value) {
      if (!isList) characters += key.length
      const reason = look((value as Record<string, unknown>)[key], levels - 1)
      if (reason !== null) return reason
    }
    return null
  }
  return look(item, levelsMax)
}

/** As far as it can be kept and shown. */
function shownName(item: unknown): string {
  const name = isRecord(item) ? item['name'] : undefined
  if (typeof name !== 'string' || name === '') return '(no name)'
  return name.length > nameMax ? `${cutText(name, nameMax - 1)}…` : storableText(name)
}
