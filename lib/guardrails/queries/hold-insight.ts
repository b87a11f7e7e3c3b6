import { authorize, type Ctx, reader } from '#lib/auth/ctx.ts'
import { personNames } from '#lib/registry/queries.ts'
import { ruleSuggestions, rubberStampOf } from '../rules/hold-insight.ts'
import {
  type HoldFigures,
  type HoldInsight,
  type HoldInsightQuery,
  type HoldSuggestion,
  type RuleInsight,
  suggestionLimits,
} from '../schema/hold-insight.ts'
import {
  alwaysRejected,
  type FigureRow,
  figureRows,
  type MetRow,
  metRows,
  numberRows,
  type RuleRow,
  ruleRows,
} from './insight/figures.ts'

const hourMs = 3_600_000
const dayMs = 24 * hourMs

/**
 * What came of held calls: how many, how fast people decide and how, by rule and by person, and which rules the figures speak for changing. Counted from the rows of held calls and
 * from the audit log as the worker has added it up, by whole hours. Needs `audit:read`.
 */
export async function holdInsight(ctx: Ctx, { days }: HoldInsightQuery): Promise<HoldInsight> {
  authorize(ctx, 'audit:read')
  const db = reader(ctx)
  const from = hoursAgo(ctx.now, days)
  const rows = await figureRows(db, from)
  const met = await metRows(db, from)
  const ofRules = rows.filter(({ about }) => about === 'rule')
  const lately = hoursAgo(ctx.now, suggestionLimits.idleDays)
  const heldIds = ofRules.flatMap(({ ruleId }) => ruleId ?? [])
  const rules = await ruleRows(db, { heldIds, lately })
  const deciders = rows.filter(({ about, decidedById }) => about === 'decider' && decidedById !== null)
  const people = await personNames(
    ctx,
    deciders.map(({ decidedById }) => decidedById),
  )
  const all = rows.find(({ about }) => about === 'all')
  return {
    days,
    from: from.toISOString(),
    overall: { ...figuresOf(all, null), ...ofAnyRule(ofRules, met) },
    rules: [
      ...rules.map((rule) => ruleInsight(rule, { rows: ofRules, met })),
      // What templates ask about; how often they might have is not counted.
      ...ofRules.filter(({ ruleId }) => ruleId === null).map(ofTemplates),
    ],
    deciders: deciders.map((row) => {
      const id = row.decidedById!
      const { approved, edited, rejected, medianMs, p90Ms, rubberStamp } = figuresOf(row, null)
      const person = people.get(id) ?? { id, name: 'unknown', active: false }
      return { person, approved, edited, rejected, medianMs, p90Ms, rubberStamp }
    }),
    suggestions: await suggestionsOf(ctx, { rules, rows: ofRules, from }),
  }
}

function hoursAgo(now: Date, days: number): Date {
  return new Date(Math.floor((now.getTime() - days * dayMs) / hourMs) * hourMs)
}

function ruleInsight(
  rule: RuleRow,
  { rows, met }: { rows: readonly FigureRow[]; met: readonly MetRow[] },
): RuleInsight {
  const row = rows.find(({ ruleId }) => ruleId === rule.id)
  const { id, title, removedAt, conditional } = rule
  return { rule: { id, title, removed: removedAt !== null, conditional }, ...figuresOf(row, { met, ruleId: id }) }
}

/** Of the calls that rules are about, and of those alone: what templates ask about met no rule. */
function ofAnyRule(rows: readonly FigureRow[], met: readonly MetRow[]): { heldByRules: number; met: number } {
  const byRules = rows.filter(({ ruleId }) => ruleId !== null)
  const heldByRules = byRules.reduce((sum, { held }) => sum + held, 0)
  const released = byRules.reduce((sum, { approved, edited }) => sum + approved + edited, 0)
  const calls = met.find(({ ruleId }) => ruleId === null)?.calls ?? 0
  return { heldByRules, met: Math.max(heldByRules, calls + heldByRules - released) }
}

function ofTemplates(row: FigureRow): RuleInsight {
  const rule = { id: null, title: row.title ?? '', removed: false, conditional: false }
  return { rule, ...figuresOf(row, null) }
}

const nothing = { held: 0, waiting: 0, approved: 0, edited: 0, rejected: 0, expired: 0, cancelled: 0 }

function figuresOf(
  row: FigureRow | undefined,
  about: { met: readonly MetRow[]; ruleId: string | null } | null,
): HoldFigures {
  const { held, waiting, approved, edited, rejected, expired, cancelled } = row ?? nothing
  const [medianMs, p90Ms] = [row?.medianMs ?? null, row?.p90Ms ?? null]
  // What was released is among the calls that were allowed; the rest of what was held is not.
  const calls = about?.met.find(({ ruleId }) => ruleId === about.ruleId)?.calls ?? 0
  return {
    held,
    waiting,
    approved,
    edited,
    rejected,
    expired,
    cancelled,
    medianMs: medianMs === null ? null : Math.round(medianMs),
    p90Ms: p90Ms === null ? null : Math.round(p90Ms),
    rubberStamp: rubberStampOf({ approved, edited, rejected, medianMs }),
    met: about ? Math.max(held, calls + waiting + rejected + expired + cancelled) : null,
  }
}

async function suggestionsOf(
  ctx: Ctx,
  { rules, rows, from }: { rules: readonly RuleRow[]; rows: readonly FigureRow[]; from: Date },
): Promise<HoldSuggestion[]> {
  const db = reader(ctx)
  const records = rules
    .filter(({ removedAt }) => removedAt === null)
    .map((rule) => ({ ...rule, ...countsOf(rows.find(({ ruleId }) => ruleId === rule.id)) }))
  const approvedOnly = records.filter(
    ({ approved, edited, rejected, expired }) =>
      approved >= suggestionLimits.approvedInARow && edited + rejected + expired === 0,
  )
  const numbers = await numberRows(db, { ruleIds: approvedOnly.map(({ id }) => id), from })
  const rejected = await alwaysRejected(db, { from, atLeast: suggestionLimits.rejectedInARow })
  return [
    ...records.flatMap((record) => ruleSuggestions(record, { numbers, now: ctx.now })),
    ...rejected.map(({ serverId, serverName, tool, rejected, agents }) => ({
      kind: 'always_rejected' as const,
      server: { id: serverId, name: serverName },
      tool,
      rejected,
      agents,
    })),
  ]
}

function countsOf(row: FigureRow | undefined) {
  const { approved, edited, rejected, expired } = row ?? nothing
  return { approved, edited, rejected, expired }
}
