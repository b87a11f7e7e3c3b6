import type { Client, JSONRPCMessage, StreamableHTTPClientTransport } from '@modelcontextprotocol/client'
import { isRecord } from '#lib/core/is-record.ts'
import { cutText } from '#lib/core/storable.ts'
import { classFromAnnotations } from '../rules.ts'
import { readListedTools } from '../rules/listed-tools.ts'
import { ToolNames } from '../rules/other-tools.ts'
import { inspectTool } from '../rules/tool-change.ts'
import type { ProbedTool, ProbeFinding, ProbeReport } from '../schema/probes.ts'
import type { ListedTool } from '../schema/tools.ts'

type Options = { signal: AbortSignal; timeout: number; pagesMax?: number | undefined }

/** What it lists, entry by entry, and why that is not all; null: it is. */
export type ListedByServer = { entries: unknown[]; cutOff: string | null }

/** A server answers with something else than a list. */
export class NoToolList extends Error {}

const toolsMax = 500
const pagesLookedAt = 50

/** What was agreed on, and what the server calls itself. */
export function protocolOf(client: Client): NonNullable<ProbeReport['protocol']> {
  const server = client.getServerVersion()
  return {
    era: client.getProtocolEra() === 'modern' ? 'modern' : 'legacy',
    version: client.getNegotiatedProtocolVersion() ?? 'unknown',
    server: cutText(`${server?.name ?? 'unnamed'} ${server?.version ?? ''}`.trim(), 200),
  }
}

/** What it lists, as far as a server with tools for people would go on. Throws `NoToolList`, or what asking throws. */
export async function listTools(
  client: Client,
  transport: StreamableHTTPClientTransport,
  { pagesMax = pagesLookedAt, ...options }: Options,
): Promise<ListedByServer> {
  if (!client.getServerCapabilities()?.tools) return { entries: [], cutOff: null }
  const lists = takeLists(transport)
  const entries: unknown[] = []
  const cursors = new Set<string>()
  let cursor: string | undefined
  for (let page = 0; page < pagesMax; page += 1) {
    const { nextCursor } = await client.request(
      { method: 'tools/list', params: cursor === undefined ? {} : { cursor } },
      options,
    )
    const listed = lists.pop()
    if (!Array.isArray(listed)) throw new NoToolList('its answer to tools/list holds no list of tools')
    entries.push(...(listed as unknown[]))
    if (entries.length > toolsMax) return { entries: entries.slice(0, toolsMax), cutOff: `the first ${toolsMax}` }
    if (nextCursor === undefined) return { entries, cutOff: null }
    if (cursors.has(nextCursor)) return { entries, cutOff: 'it lists the same page again and again' }
    cursors.add((cursor = nextCursor))
  }
  return { entries, cutOff: `the first ${pagesMax} pages` }
}

/** Takes the lists out of what comes in before the client looks at them: for one entry that is no tool it refuses the whole list. */
function takeLists(transport: StreamableHTTPClientTransport): unknown[] {
  const lists: unknown[] = []
  const deliver = transport.onmessage
  const onmessage = (message: JSONRPCMessage): void => {
    const result = 'result' in message ? message.result : null
    if (!isRecord(result) || !('tools' in result)) return deliver?.(message)
    lists.push(result['tools'])
    const { nextCursor, ...rest } = result
    const isLast = nextCursor === undefined || nextCursor === null
    deliver?.({ ...message, result: { ...rest, ...(isLast ? {} : { nextCursor }), tools: [] } })
  }
  Object.assign(transport, { onmessage })
  return lists
}

/** What it offers, what it lists that is no tool, and what a reviewer has to notice of all that. Answers the tools as they are listed. */
export function addTools(report: ProbeReport, { entries, cutOff }: ListedByServer): ListedTool[] {
  const { tools, leftOut, leftOutTotal } = readListedTools(entries)
  const names = new ToolNames(tools.map(({ name }) => name))
  report.tools = tools.map((tool) => {
    const annotations = tool.annotations ?? {}
    return {
      name: cutText(tool.name, 200),
      description: cutText(tool.description ?? '', 500),
      class: classFromAnnotations(annotations),
      annotated: 'readOnlyHint' in annotations || 'destructiveHint' in annotations,
      findings: inspectTool(tool, { otherTools: names.except(tool.name) }).slice(0, 20),
    }
  })
  if (leftOutTotal > 0) {
    report.leftOut = leftOut
    report.leftOutTotal = leftOutTotal
    add(report, { kind: 'left_out_tools', note: cutText(leftOut.map(({ name }) => name).join(', '), 300) })
  }
  if (cutOff !== null) add(report, { kind: 'tools_not_looked_at', note: cutOff })
  const unannotated = report.tools.filter(({ annotated }) => !annotated)
  if (unannotated.length > 0) add(report, { kind: 'unannotated_tools', note: namesOf(unannotated) })
  const marked = report.tools.filter(({ findings }) => findings.length > 0)
  if (marked.length > 0) add(report, { kind: 'marked_tools', note: namesOf(marked) })
  return tools
}

/** Each kind once. */
export function add(report: ProbeReport, finding: ProbeFinding): void {
  if (!report.findings.some(({ kind }) => kind === finding.kind)) report.findings.push(finding)
}

function namesOf(tools: readonly ProbedTool[]): string {
  return cutText(tools.map(({ name }) => name).join(', '), 300)
}
