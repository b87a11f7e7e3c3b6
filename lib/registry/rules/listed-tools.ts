import { isRecord } from '#lib/core/is-record.ts'
import { cutText, storableText } from '#lib/core/storable.ts'
import { hasSoundHeaders } from './sound-headers.ts'
import { type LeftOutTool, type ListedTool, listedTool } from '../schema/tools.ts'

/** `leftOut`: the first of what is no tool, each once; `leftOutTotal`: how many entries are none. */
export type ListedTools = { tools: ListedTool[]; leftOut: LeftOutTool[]; leftOutTotal: number }

/** A list of more entries is refused as a whole: taking each apart would cost everybody else their time. */
export const listedMax = 10_000
/** So many are kept by name; how many there are is counted. */
const leftOutMax = 50

const nameMax = 200
/** As deep as a definition is kept, and no deeper than it can be digested. */
const levelsMax = 200
const unsound = 'The headers it declares for its arguments (x-mcp-header) cannot be sent.'
const repeated = 'It is listed more than once: the first one counts.'

/**
 * Takes what a server lists apart: the tools, each as the server says it, and what is none, each with why. One that is none hides none of
 * the others.
 */
export function readListedTools(listed: readonly unknown[]): ListedTools {
  const tools = new Map<string, ListedTool>()
  const leftOut = new Map<string, LeftOutTool>()
  let leftOutTotal = 0
  const leaveOut = (one: LeftOutTool): void => {
    leftOutTotal += 1
    if (leftOut.size < leftOutMax) leftOut.set(JSON.stringify([one.name, one.reason]), one)
  }
  for (const item of listed) {
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
  const parsed = listedTool.safeParse(item)
  if (!parsed.success) return parsed.error.issues[0]!.message
  if (isDeeper(item, levelsMax)) return `It is nested more than ${levelsMax} levels deep.`
  // MCP has clients leave out a tool whose declared headers cannot be sent.
  return hasSoundHeaders(parsed.data.inputSchema) ? null : unsound
}

function isDeeper(value: unknown, levels: number): boolean {
  if (typeof value !== 'object' || value === null) return false
  return levels === 0 || Object.values(value).some((member) => isDeeper(member, levels - 1))
}

/** As far as it can be kept and shown. */
function shownName(item: unknown): string {
  const name = isRecord(item) ? item['name'] : undefined
  if (typeof name !== 'string' || name === '') return '(no name)'
  return name.length > nameMax ? `${cutText(name, nameMax - 1)}…` : storableText(name)
}
