import { z } from 'zod'
import type { AuditView, TimelineEntry } from '#lib/audit/schema.ts'
import { roles } from '#lib/auth/permissions.ts'
import type { Rule } from '#lib/guardrails/schema.ts'
import { type BlastRadius, type Released, type StopOrderView, stopScopes } from '#lib/killswitch/schema.ts'
import { type AgentMetrics, type FleetSummary, type RetirementList, retirementQuery } from '#lib/metrics/schema.ts'
import { answerOf, count, day, facts, micros, rate, reference, text, time } from './words.ts'

export const auditEvent = answerOf<AuditView>()(
  z.strictObject({
    id: text,
    seq: z.string().regex(/^\d+$/),
    at: time,
    event: text,
    actor: z.strictObject({ kind: text, id: text, name: text }),
    subject: z.strictObject({ kind: text, id: text, name: text }),
    agentId: text.nullable(),
    serverId: text.nullable(),
    tool: text.nullable(),
    runId: text.nullable(),
    decision: text.nullable(),
    rule: text.nullable(),
    requestId: text.nullable(),
    detail: facts,
  }),
).meta({ id: 'AuditEvent' })

export const timelineEntry = answerOf<TimelineEntry>()(
  z.strictObject({
    id: text,
    seq: z.string().regex(/^\d+$/),
    at: time,
    event: text,
    actor: z.strictObject({ kind: text, name: text }),
    subject: z.strictObject({ kind: text, id: text, name: text }),
    serverId: text.nullable(),
    decision: text.nullable(),
    rule: text.nullable(),
    reason: text.nullable(),
  }),
).meta({ id: 'TimelineEntry' })

export const rule = answerOf<Rule>()(
  z.strictObject({
    id: text,
    title: text,
    explanation: text,
    remedy: text,
    setBy: text,
    changedBy: z.strictObject({ roles: z.array(z.enum(roles)).readonly(), how: text }),
  }),
).meta({ id: 'Rule' })

const who = z.strictObject({ id: text.nullable(), name: text })
export const stopOrder = answerOf<StopOrderView>()(
  z.strictObject({
    id: text,
    scope: z.enum(stopScopes),
    targetId: text,
    targetName: text,
    reason: text,
    orderedBy: who,
    orderedAt: time,
    releasedBy: who.nullable(),
    releasedAt: time.nullable(),
    releaseReason: text.nullable(),
    releaseAsked: z.strictObject({ by: who, at: time, reason: text, until: time.nullable() }).nullable(),
    acks: z.array(z.strictObject({ process: text, instance: text, at: time, detail: facts })),
    openRuns: count,
    stoppedRuns: count,
    tasks: z.strictObject({
      over: count,
      open: count,
      named: z.array(z.strictObject({ agentId: text, serverId: text, tool: text })),
    }),
  }),
).meta({ id: 'StopOrder' })

export const released = answerOf<Released>()(
  z.discriminatedUnion('state', [
    z.strictObject({ orderId: text, state: z.literal('released') }),
    z.strictObject({ orderId: text, state: z.literal('waits'), until: time }),
  ]),
).meta({ id: 'Released' })

export const stopReach = answerOf<BlastRadius>()(
  z.strictObject({
    scope: z.enum(stopScopes),
    targetId: text,
    targetName: text,
    agents: z.strictObject({ total: count, items: z.array(reference) }),
    openRuns: z.strictObject({
      total: count,
      items: z.array(z.strictObject({ id: text, agentId: text, agentName: text, startedAt: time.nullable() })),
    }),
    schedules: z.strictObject({
      total: count,
      items: z.array(z.strictObject({ agentId: text, agentName: text, schedule: text })),
    }),
    stopsRuns: z.boolean(),
  }),
).meta({ id: 'BlastRadius' })

const totalsShape = {
  runs: count,
  succeeded: count,
  failed: count,
  escalatedRuns: count,
  escalationRate: rate.nullable(),
  toolCalls: count,
  deniedCalls: count,
  costMicros: micros,
  callCostMicros: micros,
  unpricedRequests: count,
}
const totals = z.strictObject(totalsShape).meta({ id: 'Totals' })
const dayPoint = z.strictObject({ day, ...totalsShape }).meta({ id: 'DayPoint' })
const monthShape = {
  month: z.string().regex(/^\d{4}-\d\d$/),
  spentMicros: micros,
  budgetMicros: micros,
  unpricedRequests: count,
}
const coverage = z.strictObject({ count, total: count })
const rangeShape = { days: count, from: day, to: day, series: z.array(dayPoint), totals, previous: totals }

export const fleetFigures = answerOf<FleetSummary>()(
  z.strictObject({
    ...rangeShape,
    agents: z.strictObject({ active: count, provisioning: count, suspended: count, retired: count, demo: count }),
    usedAgents: count,
    openRuns: count,
    openEscalations: count,
    month: z.strictObject(monthShape),
    coverage: z.strictObject({ owner: coverage, review: coverage, template: coverage, budget: coverage }),
    simulated: z.strictObject({ demoAgents: count, simulatedRuns: count }),
  }),
).meta({ id: 'FleetSummary' })

export const agentMetrics = answerOf<AgentMetrics>()(
  z.strictObject({
    agentId: text,
    ...rangeShape,
    month: z.strictObject({ ...monthShape, budgetSource: z.enum(['agent', 'default']) }),
    lastRunAt: time.nullable(),
  }),
).meta({ id: 'AgentMetrics' })

export const retirementList = answerOf<RetirementList>()(
  z.strictObject({
    items: z.array(
      z.strictObject({
        agentId: text,
        name: text,
        ownerTeamId: text,
        ownerTeamName: text,
        accountablePerson: reference,
        demo: z.boolean(),
        reasons: z.array(
          z.discriminatedUnion('kind', [
            z.strictObject({ kind: z.literal('idle'), idleDays: count, lastRunAt: time.nullable() }),
            z.strictObject({
              kind: z.literal('escalates'),
              escalationRate: rate,
              threshold: rate,
              runs: count,
              escalatedRuns: count,
            }),
          ]),
        ),
        lastRunAt: time.nullable(),
        monthlyRuns: count,
        escalationRate: rate.nullable(),
        monthlySavingMicros: micros,
      }),
    ),
    monthlySavingMicros: micros,
    thresholds: z.strictObject({
      idleDays: count,
      escalationRate: retirementQuery.shape.escalationRate,
      minRuns: count,
    }),
  }),
).meta({ id: 'RetirementList' })
