import { digestOf } from '#lib/core/canonical-json.ts'
import { err, ok, type Result } from '#lib/core/result.ts'
import { decide } from '#lib/guardrails/rules/decide.ts'
import type { ResultFindings } from '#lib/guardrails/rules/guard-result.ts'
import { markText } from '#lib/guardrails/rules/injection.ts'
import type { Denial } from '#lib/guardrails/schema.ts'
import { askMethods } from '#lib/registry/schema.ts'
import { auditDenial } from '../denials.ts'
import { deniedRow, finishedRow } from '../audit/records.ts'
import { guardMessage } from '../guards.ts'
import { type AgentRequest, type PipelineParts, recorded } from '../pipeline-parts.ts'
import type { BrokeredServer } from '../view/view.ts'

/** Something a server asks its client for. */
export type Ask = { method: string; params?: unknown }

/** How much a server may ask for at once, and so how much is answered at once; and how much in all of one call or stream. */
export const asksAtOnceMax = 64
export const asksMax = 8 * asksAtOnceMax

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

/** Counts what one call or stream asks for, and how much of that is open at once. */
export class AskCount {
  #asked = 0

  /** False when it asks for more than it may. Of what is no question there may be any number. */
  takes(method: unknown, open = 0): boolean {
    if (!isAsk(method)) return true
    this.#asked += 1
    return this.#asked <= asksMax && open < asksAtOnceMax
  }
}

/** The call or the stream that something is said in: whether it is on the record yet. */
export type Occasion = { onRecord(): true | Promise<boolean> }

/** What is asked by an answer waits for the record of that. */
export const byAnswer: Occasion = { onRecord: () => true }

/**
 * Decides whether the agent may be asked, and puts it on the record, with the call or stream it is part of, before it is. What it may be
 * asked is guarded as a result is.
 */
export async function permit(
  parts: PipelineParts,
  { caller, agent }: Pick<AgentRequest, 'caller' | 'agent'>,
  { server, ask, occasion }: { server: BrokeredServer; ask: Ask; occasion: Occasion },
): Promise<Result<Ask, Denial>> {
  const call = { caller, serverId: server.id, tool: ask.method, isMethod: true } as const
  const now = parts.now()
  const decision = decide(call, parts.view, now)
  const { message, findings } = guardMessage(server, ask)
  const labels = { server: server.id, tool: ask.method, agentClass: agent.tier }
  if (!decision.ok || !message) {
    const denial = decision.ok ? markedDenial(server, findings) : decision.error
    const row = deniedRow(call, denial, { agent, tool: undefined, arguments: ask.params ?? {}, now })
    parts.metrics.called({ ...labels, class: 'read', decision: 'deny', outcome: denial.rule })
    return err((await recorded(parts, row, { happened: false })) ? denial : auditDenial)
  }
  const { tool, judged } = decision.value
  const record = { agent, caller, tool, judged, argumentsDigest: digestOf(ask.params ?? {}) }
  const row = finishedRow(record, { outcome: 'asked', ms: 0, denial: null, findings, now })
  parts.metrics.called({ ...labels, class: tool.class, decision: 'allow', outcome: 'asked' })
  const durable = await Promise.all([occasion.onRecord(), recorded(parts, row, { happened: false })])
  if (!durable.every(Boolean)) return err(auditDenial)
  return ok({ method: ask.method, ...('params' in message ? { params: message['params'] } : {}) })
}

function markedDenial(server: BrokeredServer, findings: ResultFindings | null): Denial {
  const message = `What ${server.id} asks ${(findings?.marks ?? []).map(markText).join(', and ')}.`
  return { rule: 'result_marked', message }
}
