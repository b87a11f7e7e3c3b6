import type { Client } from '@modelcontextprotocol/client'
import { cutText } from '#lib/core/storable.ts'
import { classFromAnnotations } from '../rules.ts'
import { ToolNames } from '../rules/other-tools.ts'
import { inspectTool, type ToolDefinition } from '../rules/tool-change.ts'
import type { ProbedTool, ProbeFinding, ProbeReport } from '../schema/probes.ts'

type Options = { signal: AbortSignal; timeout: number }

const toolsMax = 500
const pagesMax = 50

/** What was agreed on, and what the server calls itself. */
export function protocolOf(client: Client): NonNullable<ProbeReport['protocol']> {
  const server = client.getServerVersion()
  return {
    era: client.getProtocolEra() === 'modern' ? 'modern' : 'legacy',
    version: client.getNegotiatedProtocolVersion() ?? 'unknown',
    server: cutText(`${server?.name ?? 'unnamed'} ${server?.version ?? ''}`.trim(), 200),
  }
}

/** What it offers, and what a reviewer has to notice of that. */
export async function addTools(report: ProbeReport, client: Client, options: Options): Promise<void> {
  report.tools = await toolsOf(client, options)
  const unannotated = report.tools.filter(({ annotated }) => !annotated)
  if (unannotated.length > 0) add(report, { kind: 'unannotated_tools', note: namesOf(unannotated) })
  const marked = report.tools.filter(({ findings }) => findings.length > 0)
  if (marked.length > 0) add(report, { kind: 'marked_tools', note: namesOf(marked) })
}

/** Each kind once. */
export function add(report: ProbeReport, finding: ProbeFinding): void {
  if (!report.findings.some(({ kind }) => kind === finding.kind)) report.findings.push(finding)
}

/** What it lists, as far as a server with tools for people would go on. */
async function toolsOf(client: Client, options: Options): Promise<ProbedTool[]> {
  if (!client.getServerCapabilities()?.tools) return []
  const tools: ToolDefinition[] = []
  const cursors = new Set<string>()
  let cursor: string | undefined
  for (let pages = 0; pages < pagesMax && tools.length < toolsMax; pages += 1) {
    const page = await client.request({ method: 'tools/list', params: cursor === undefined ? {} : { cursor } }, options)
    tools.push(...(page.tools as ToolDefinition[]))
    cursor = page.nextCursor
    if (cursor === undefined || cursors.has(cursor)) break
    cursors.add(cursor)
  }
  const names = new ToolNames(tools.map(({ name }) => name))
  return tools.slice(0, toolsMax).map((tool) => {
    const annotations = (tool['annotations'] ?? {}) as Record<string, unknown>
    const annotated = 'readOnlyHint' in annotations || 'destructiveHint' in annotations
    return {
      name: cutText(tool.name, 200),
      description: cutText(typeof tool['description'] === 'string' ? tool['description'] : '', 500),
      class: classFromAnnotations(annotations),
      annotated,
      findings: inspectTool(tool, { otherTools: names.except(tool.name) }).slice(0, 20),
    }
  })
}

function namesOf(tools: readonly ProbedTool[]): string {
  return cutText(tools.map(({ name }) => name).join(', '), 300)
}
