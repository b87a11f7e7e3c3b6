import { type ArgumentCondition, type CallRate, limitKey } from '#lib/registry/schema/conditions.ts'
import { Document, isMap, isSeq, visit } from 'yaml'
import {
  type AgentLayer,
  type AgentStatus,
  inheritedGuardrails,
  type Tier,
  type ToolClass,
} from '#lib/registry/schema.ts'

/** A scope as a manifest names it: `read`, or `{ class: write, tool: post_invoice, until: …, conditions: […], rate: … }`. */
export type ManifestScope = {
  serverId: string
  class: ToolClass
  toolName: string | null
  until: string | null
  conditions: readonly ArgumentCondition[]
  rate: CallRate | null
}

/** All that a manifest says about an agent. */
export type ManifestFields = {
  id: string
  name: string
  owner: string
  /** The e-mail address of the accountable person. */
  accountable: string
  purpose: string
  tier: Tier
  /** `template@version` */
  template: string
  parameters: AgentLayer['parameters']
  prompt: string
  scopes: ManifestScope[]
  schedule: string | null
  scheduleEnabled: boolean
  monthlyBudgetMicros: bigint | null
  status: AgentStatus
  /** YYYY-MM-DD */
  lastReviewed: string | null
  monthlyRuns: number
  escalationRate: number | null
}

/**
 * One registry entry as YAML, the same bytes for the same entry. The keys of the registry's shape are always there; those that are needed
 * to make the agent again and hold their default are left out. `measured: false` leaves out what is measured and reviewed, for files
 * that live in a repository.
 */
export function writeManifest(fields: ManifestFields, options: { measured?: boolean } = {}): string {
  const measured = options.measured ?? true
  const content = {
    id: fields.id,
    name: fields.name,
    owner: fields.owner,
    accountable: fields.accountable,
    purpose: fields.purpose,
    tier: fields.tier,
    template: fields.template,
    ...(Object.keys(fields.parameters).length > 0 ? { parameters: fields.parameters } : {}),
    ...(fields.prompt !== '' ? { prompt: fields.prompt } : {}),
    mcp_scopes: scopeLists(fields.scopes),
    ...(fields.schedule !== null ? { schedule: fields.schedule } : {}),
    ...(fields.schedule !== null && !fields.scheduleEnabled ? { schedule_enabled: false } : {}),
    ...(fields.monthlyBudgetMicros !== null ? { monthly_budget_usd: dollarsOf(fields.monthlyBudgetMicros) } : {}),
    guardrails: inheritedGuardrails,
    status: fields.status,
    ...(measured
      ? {
          last_reviewed: fields.lastReviewed,
          monthly_runs: fields.monthlyRuns,
          escalation_rate: fields.escalationRate,
        }
      : {}),
  }
  const document = new Document(content, { aliasDuplicateObjects: false })
  inlineScopes(document)
  quoteBlankLines(document)
  return document.toString({ lineWidth: 0, flowCollectionPadding: false, doubleQuotedAsJSON: true })
}

/** In a block of lines, one of nothing but spaces would be read as an empty one; in quotes it is kept. */
function quoteBlankLines(document: Document): void {
  visit(document, {
    Scalar(_, node) {
      if (typeof node.value === 'string' && /^[ \t]+$/m.test(node.value)) node.type = 'QUOTE_DOUBLE'
    },
  })
}

/** Rates are written with four decimals, so that the same figures give the same text. */
export function roundRate(rate: number | null): number | null {
  return rate === null ? null : Math.round(rate * 10_000) / 10_000
}

/** In the one order that exports have: server, class, tool, end. */
export function sortScopes(scopes: readonly ManifestScope[]): ManifestScope[] {
  const rank = { read: 0, write: 1, destructive: 2 }
  return scopes.toSorted(
    (a, b) =>
      compare(a.serverId, b.serverId) ||
      rank[a.class] - rank[b.class] ||
      compare(a.toolName ?? '', b.toolName ?? '') ||
      compare(a.until ?? '', b.until ?? '') ||
      compare(limitKey(a), limitKey(b)),
  )
}

export function scopeKey(scope: ManifestScope): string {
  return JSON.stringify([scope.serverId, scope.class, scope.toolName, scope.until, limitKey(scope)])
}

type ScopeItem =
  | ToolClass
  | { class: ToolClass; tool?: string; until?: string; conditions?: readonly ArgumentCondition[]; rate?: CallRate }

function scopeLists(scopes: readonly ManifestScope[]): Record<string, ScopeItem[]> {
  const unique = [...new Map(scopes.map((scope) => [scopeKey(scope), scope])).values()]
  const lists: Record<string, ScopeItem[]> = {}
  for (const { serverId, class: toolClass, toolName, until, conditions, rate } of sortScopes(unique)) {
    const plain = toolName === null && until === null && conditions.length === 0 && rate === null
    const item = {
      class: toolClass,
      ...(toolName === null ? {} : { tool: toolName }),
      ...(until === null ? {} : { until }),
      ...(conditions.length === 0 ? {} : { conditions }),
      ...(rate === null ? {} : { rate }),
    }
    ;(lists[serverId] ??= []).push(plain ? toolClass : item)
  }
  return lists
}

/** Short lists on one line: `invoices: [read]`. */
function inlineScopes(document: Document): void {
  const scopes = document.get('mcp_scopes')
  if (!isMap(scopes)) return
  for (const { value } of scopes.items) {
    if (!isSeq(value)) continue
    value.flow = value.items.every((item) => !isMap(item))
    for (const item of value.items) if (isMap(item)) item.flow = true
  }
}

/** Micro-dollars as a plain number of dollars; a budget is far below where numbers lose a micro-dollar. */
function dollarsOf(micros: bigint): number {
  return Number(micros) / 1_000_000
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}
