import type { Anthropic } from '@anthropic-ai/sdk'
import type { EmbSession } from '#lib/db/generated/client.ts'
import { fromJson } from '../json.ts'
import { runtimeCostMicros, toCents } from '../list-prices.ts'

type Session = Anthropic.Beta.BetaManagedAgentsSession
type Usage = Anthropic.Beta.Sessions.BetaManagedAgentsSessionUsageSnapshot
type Budget = Anthropic.Beta.Sessions.BetaManagedAgentsBudgetLimit
type Metered = Pick<
  EmbSession,
  | 'inputTokens'
  | 'outputTokens'
  | 'cacheReadTokens'
  | 'cacheWriteTokens'
  | 'modelCostMicros'
  | 'activeMs'
  | 'budgetCents'
>

/** The session's agent: a copy of the version it was made on. */
export type SessionAgent = Session['agent']

export function toSession(row: EmbSession, now: Date): Session {
  const metered = { ...row, activeMs: activeMsAt(row, now) }
  const ended = row.status === 'terminated' ? row.updatedAt : now
  return {
    id: row.id,
    type: 'session',
    status: row.status,
    title: row.title,
    agent: fromJson<SessionAgent>(row.agent),
    environment_id: row.environmentId,
    vault_ids: row.vaultIds,
    metadata: fromJson<Record<string, string>>(row.metadata),
    budget: toBudget(row),
    resources: [],
    outcome_evaluations: [],
    deployment_id: null,
    stats: {
      active_seconds: Number(metered.activeMs) / 1000,
      duration_seconds: (ended.getTime() - row.createdAt.getTime()) / 1000,
    },
    usage: toUsage(metered),
    created_at: row.createdAt.toISOString(),
    updated_at: row.updatedAt.toISOString(),
    archived_at: row.archivedAt?.toISOString() ?? null,
  }
}

/** The body of a `session.usage` event. */
export function usageSnapshot(row: Metered): { usage: Usage; budget: Budget | null } {
  return { usage: toUsage(row), budget: toBudget(row) }
}

/** Micro-dollars so far at list price, or null while a model without a price is part of it. */
export function listCostSoFar(row: Metered): bigint | null {
  return row.modelCostMicros === null ? null : row.modelCostMicros + runtimeCostMicros(row.activeMs)
}

export function activeMsAt(row: Pick<EmbSession, 'activeMs' | 'runningSince'>, now: Date): bigint {
  const running = row.runningSince ? Math.max(0, now.getTime() - row.runningSince.getTime()) : 0
  return row.activeMs + BigInt(running)
}

function toUsage(row: Metered): Usage {
  const cost = listCostSoFar(row)
  return {
    input_tokens: Number(row.inputTokens),
    output_tokens: Number(row.outputTokens),
    cache_read_input_tokens: Number(row.cacheReadTokens),
    cache_creation: { ephemeral_5m_input_tokens: Number(row.cacheWriteTokens), ephemeral_1h_input_tokens: 0 },
    active_seconds: Number(row.activeMs) / 1000,
    ...(cost === null ? {} : { list_cost: { amount: toCents(cost).toString(), currency: 'USD' } }),
  }
}

function toBudget(row: Pick<EmbSession, 'budgetCents'>): Budget | null {
  if (row.budgetCents === null) return null
  return { type: 'limit', max_list_cost: { amount: row.budgetCents.toString(), currency: 'USD' } }
}
