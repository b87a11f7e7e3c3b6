import { digestOf } from '#lib/core/canonical-json.ts'
import { decide } from '#lib/guardrails/rules/decide.ts'
import type { Denial } from '#lib/guardrails/schema.ts'
import { askMethods } from '#lib/registry/schema.ts'
import { auditDenial } from '../denials.ts'
import { deniedRow, finishedRow } from '../audit/records.ts'
import { type AgentRequest, type PipelineParts, recorded } from '../pipeline-parts.ts'

/** Something a server asks its client for. */
export type Ask = { method: string; params?: unknown }

/** The capability under which a client says that it can be asked. */
const capabilityOf = {
  'sampling/createMessage': 'sampling',
  'elicitation/create': 'elicitation',
  'roots/list': 'roots',
} as const satisfies Record<(typeof askMethods)[number], string>

export function isAsk(method: unknown): boolean {
  return typeof method === 'string' && (askMethods as readonly string[]).includes(method)
}

/** What of the agent's capabilities a server is told: that which it may be asked for by a grant that names it. Null when that is nothing. */
export function askable(
  parts: PipelineParts,
  { caller }: Pick<AgentRequest, 'caller'>,
  { serverId, declared }: { serverId: string; declared: Readonly<Record<string, unknown>> | undefined },
): Record<string, unknown> | null {
  if (!declared) return null
  let told: Record<string, unknown> | null = null
  const now = parts.now()
  for (const tool of askMethods) {
    const capability = capabilityOf[tool]
    const value = declared[capability]
    if (typeof value !== 'object' || value === null) continue
    if (decide({ caller, serverId, tool, isMethod: true }, parts.view, now).ok) (told ??= {})[capability] = value
  }
  return told
}

/** Decides whether the agent may be asked, and puts it on the record before it is. Null: it may. */
export async function permit(
  parts: PipelineParts,
  { caller, agent }: Pick<AgentRequest, 'caller' | 'agent'>,
  { serverId, ask }: { serverId: string; ask: Ask },
): Promise<Denial | null> {
  const call = { caller, serverId, tool: ask.method, isMethod: true } as const
  const now = parts.now()
  const decision = decide(call, parts.view, now)
  const labels = { server: serverId, tool: ask.method, agentClass: agent.tier }
  if (!decision.ok) {
    const row = deniedRow(call, decision.error, { agent, tool: undefined, arguments: ask.params ?? {}, now })
    parts.metrics.called({ ...labels, class: 'read', decision: 'deny', outcome: decision.error.rule })
    return (await recorded(parts, row, { happened: false })) ? decision.error : auditDenial
  }
  const { tool } = decision.value
  const record = { agent, caller, tool, argumentsDigest: digestOf(ask.params ?? {}) }
  const row = finishedRow(record, { outcome: 'asked', ms: 0, denial: null, findings: null, now })
  parts.metrics.called({ ...labels, class: tool.class, decision: 'allow', outcome: 'asked' })
  return (await recorded(parts, row, { happened: false })) ? null : auditDenial
}
