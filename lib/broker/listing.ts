import { digestOf } from '#lib/core/canonical-json.ts'
import { decide } from '#lib/guardrails/rules/decide.ts'
import type { AgentFacts, Caller } from '#lib/guardrails/rules/facts.ts'
import { listedNothingRow, listedRow } from './audit/records.ts'
import { mergedName } from './merged-names.ts'
import { mergedOf } from './merged-offer.ts'
import { byKey, pageOf, readCursor } from './paging.ts'
import { refuse, refuseParams } from './deny.ts'
import { type AgentRequest, type PipelineParts, recorded } from './pipeline-parts.ts'
import type { BrokeredServer, BrokeredTool, BrokerView } from './view/view.ts'
import { auditDenial } from './denials.ts'
import { isTranslated, mayHaveTasks, onlyAsTask, takesAny } from './tasks/offered.ts'
import { type Answer, type Era, resultAnswer } from './wire.ts'

type Listed = { key: string; serverId: string; tool: BrokeredTool }

/**
 * Shows what the agent may call, and nothing else: the same decision as for calling. On the merged endpoint of every server it is granted,
 * in the order of servers and tools.
 */
export async function listTools(parts: PipelineParts, request: AgentRequest): Promise<Answer> {
  const cursor = readCursor(request.params['cursor'])
  if (cursor === undefined) return refuseParams(parts, request, 'The cursor is not one of this server.')
  const { caller, agent, serverId, era, talk } = request
  const takes = takesAny(talk)
  // A list writes a row for each server it tells of, so it counts as a call.
  const tooOften = parts.rates.takeForAgent(caller.agentId)
  if (tooOften) return refuse(parts, request, tooOften, 429)
  const now = parts.now()
  const startedAt = performance.now()
  const known = serversOf(parts, agent, serverId).flatMap(toolsOf)
  const callable = known.filter(
    ({ serverId: id, tool }) =>
      decide({ caller, serverId: id, tool: tool.name }, parts.view, now).ok &&
      isOfferedTo(parts.view, agent, { serverId: id, tool }) &&
      !onlyAsTask(parts, tool, { caller, era, serverId, takes }),
  )
  request.telemetry.took('decide', startedAt)
  const { items, nextCursor } = pageOf(callable, { cursor, sizeMax: parts.limits.listPageMax })
  // A page tells of the servers whose tools are on it, the first one of every server.
  const ids = [...new Set((cursor === null ? known : items).map((item) => item.serverId))]
  const countOf = (list: readonly Listed[], id: string) => list.filter((item) => item.serverId === id).length
  const rows = ids.map((id) =>
    listedRow(caller, {
      agent,
      serverId: id,
      listed: countOf(items, id),
      hidden: countOf(known, id) - countOf(callable, id),
      now,
    }),
  )
  if (rows.length === 0) {
    rows.push(
      serverId === null
        ? listedNothingRow(caller, { agent, now })
        : listedRow(caller, { agent, serverId, listed: 0, hidden: 0, now }),
    )
  }
  const recordedAt = performance.now()
  const durable = await Promise.all(rows.map((row) => recorded(parts, row, { happened: false })))
  request.telemetry.took('audit', recordedAt)
  if (durable.includes(false)) return refuse(parts, request, auditDenial)
  const tools = items.map((item) => {
    const definition = definitionFor(era, item, serverId === null)
    if (isTranslated(parts, { caller, serverId: item.serverId, era })) {
      return { ...definition, execution: { taskSupport: 'optional' } }
    }
    // What is offered there of tasks is of some servers only.
    const isOther = era === 'legacy' && serverId === null && !mayHaveTasks(parts, caller, item.serverId)
    return isOther ? withoutExecution(definition) : definition
  })
  const result = { tools, ...(nextCursor === null ? {} : { nextCursor }) }
  // To be kept by nobody: grants and stops hold within a second, the list is made of the registry in memory, and only who listens is told that it changed.
  return resultAnswer(era, request.id, era === 'modern' ? { ...result, ttlMs: 0, cacheScope: 'private' } : result)
}

/** The server that is asked; on the merged endpoint those the agent holds a grant for. */
function serversOf(parts: Pick<PipelineParts, 'view'>, agent: AgentFacts, serverId: string | null): BrokeredServer[] {
  if (serverId === null) return mergedOf(parts, agent)
  const server = parts.view.servers.get(serverId)
  return server ? [server] : []
}

/** What an agent is shown now: a line for each tool that changes with its definition, and the servers it depends on. */
export function visibleTools(
  view: BrokerView,
  {
    caller,
    agent,
    serverId,
    now,
  }: { caller: Caller; agent: AgentFacts | undefined; serverId: string | null; now: Date },
): string[] {
  if (!agent) return []
  return serversOf({ view }, agent, serverId)
    .flatMap(toolsOf)
    .filter(
      ({ serverId, tool }) =>
        decide({ caller, serverId, tool: tool.name }, view, now).ok && isOfferedTo(view, agent, { serverId, tool }),
    )
    .map(({ key, tool }) => key + digestOf(tool.definition))
}

/** Whether the account that the agent's calls go over is offered the tool. */
function isOfferedTo(
  view: BrokerView,
  { teamId }: AgentFacts,
  { serverId, tool }: Pick<Listed, 'serverId' | 'tool'>,
): boolean {
  const server = view.servers.get(serverId)
  return !server || view.offered.isOffered(server, teamId, tool.name)
}

const sorted = new WeakMap<BrokeredServer, readonly Listed[]>()

/** A server's tools by name; no name holds a NUL, so servers follow each other whole. */
function toolsOf(server: BrokeredServer): readonly Listed[] {
  let tools = sorted.get(server)
  if (!tools) {
    const listed = [...server.tools.values()].map((tool) => ({
      key: `${server.id}\0${tool.name}`,
      serverId: server.id,
      tool,
    }))
    sorted.set(server, (tools = listed.toSorted(byKey)))
  }
  return tools
}

function definitionFor(era: Era, { serverId, tool }: Listed, merged: boolean): Record<string, unknown> {
  const definition: Record<string, unknown> = merged
    ? { ...tool.definition, name: mergedName(serverId, tool.name) }
    : tool.definition
  return era === 'legacy' ? definition : withoutExecution(definition)
}

function withoutExecution(definition: Record<string, unknown>): Record<string, unknown> {
  if (!('execution' in definition)) return definition
  const { execution: _, ...rest } = definition
  return rest
}
