import type { Tx } from '#lib/db/client.ts'
import type { Prisma } from '#lib/db/generated/client.ts'
import { promptTokensOf, utcDay } from '#lib/metrics/rules.ts'
import { demoUuid } from '../demo-uuid.ts'
import type { DayRow } from '../history.ts'
import { words } from '../recent-runs.ts'
import type { DecidedRun } from './decide-run.ts'

/** What was brought to a person longer ago than this has been looked at. */
const openMs = 2 * 86_400_000

/** Puts runs into the database as ended ones, each with what it escalated, and adds them to the days of their agents. Returns how many days that were. */
export async function insertRuns(tx: Tx, decided: readonly DecidedRun[], now: Date): Promise<number> {
  const rows = asJson(decided.map(runRow))
  await tx.$executeRaw`
    insert into "Run" ("id", "agentId", "agentVersion", "trigger", "state", "input", "simulated", "demo", "scheduledById", "createdAt", "startedAt", "endedAt", "stopReason",
      "error", "summary", "model", "inputTokens", "outputTokens", "cacheReadTokens", "cacheWriteTokens", "costMicros", "activeMs", "turns", "toolCalls", "deniedCalls", "escalationCount")
    select r."id", r."agentId", r."agentVersion", r."trigger", r."state", r."input", true, true, r."scheduledById", r."createdAt", r."startedAt", r."endedAt", r."stopReason",
      r."error", r."summary", r."model", r."inputTokens", r."outputTokens", r."cacheReadTokens", r."cacheWriteTokens", r."costMicros", r."activeMs", r."turns", r."toolCalls", r."deniedCalls", r."escalationCount"
    from json_populate_recordset(null::"Run", ${rows}::json) r`
  await tx.escalation.createMany({ data: decided.flatMap((each) => escalationRow(each, now) ?? []) })
  const days = daysOf(decided)
  await tx.$executeRaw`
    insert into "AgentDay" ("agentId", "day", "runs", "succeeded", "failed", "escalatedRuns", "escalations", "toolCalls",
      "deniedCalls", "inputTokens", "outputTokens", "costMicros", "unpricedRequests")
    select "agentId", "day", "runs", "succeeded", "failed", "escalatedRuns", "escalations", "toolCalls",
      "deniedCalls", "inputTokens", "outputTokens", "costMicros", "unpricedRequests"
    from json_populate_recordset(null::"AgentDay", ${asJson(days)}::json)
    on conflict ("agentId", "day") do update set "runs" = "AgentDay"."runs" + excluded."runs", "succeeded" = "AgentDay"."succeeded" + excluded."succeeded",
      "failed" = "AgentDay"."failed" + excluded."failed", "escalatedRuns" = "AgentDay"."escalatedRuns" + excluded."escalatedRuns",
      "escalations" = "AgentDay"."escalations" + excluded."escalations", "toolCalls" = "AgentDay"."toolCalls" + excluded."toolCalls",
      "deniedCalls" = "AgentDay"."deniedCalls" + excluded."deniedCalls", "inputTokens" = "AgentDay"."inputTokens" + excluded."inputTokens",
      "outputTokens" = "AgentDay"."outputTokens" + excluded."outputTokens", "costMicros" = "AgentDay"."costMicros" + excluded."costMicros",
      "unpricedRequests" = "AgentDay"."unpricedRequests" + excluded."unpricedRequests"`
  return days.length
}

function runRow({ run, version, calls, denied }: DecidedRun) {
  const { agent, failed, figures } = run
  const text = words[agent.templateId]
  return {
    id: run.id,
    agentId: agent.id,
    agentVersion: version,
    trigger: triggerOf(run),
    state: failed ? 'failed' : 'succeeded',
    input: text.input,
    scheduledById: agent.accountablePersonId,
    createdAt: run.at,
    startedAt: new Date(run.at.getTime() + 1_500),
    endedAt: run.endedAt,
    stopReason: failed ? 'error' : 'end_turn',
    error: failed ? 'A tool did not answer in time.' : null,
    summary: failed ? null : text.summary,
    model: figures.model,
    inputTokens: figures.used.inputTokens,
    outputTokens: figures.used.outputTokens,
    cacheReadTokens: figures.used.cacheReadTokens,
    cacheWriteTokens: figures.used.cacheWrite5mTokens,
    costMicros: figures.costMicros,
    activeMs: run.activeMs,
    turns: figures.turns,
    toolCalls: calls,
    deniedCalls: denied,
    escalationCount: run.escalations,
  }
}

export function triggerOf({ agent }: Pick<DecidedRun['run'], 'agent'>): 'schedule' | 'manual' {
  return agent.schedule ? 'schedule' : 'manual'
}

function escalationRow({ run }: DecidedRun, now: Date): Prisma.EscalationCreateManyInput | null {
  const { agent, random, endedAt } = run
  if (run.escalations === 0) return null
  const [category, title, summary] = random.pick(words[agent.templateId].findings)
  const isOld = endedAt.getTime() < now.getTime() - openMs
  const resolvedAt = new Date(endedAt.getTime() + random.int(10, 600) * 60_000)
  const isResolved = (random.chance(0.6) || isOld) && resolvedAt < now
  return {
    id: demoUuid(`escalation ${run.id}`),
    runId: run.id,
    agentId: agent.id,
    kind: 'escalate',
    title,
    detail: { kind: category === 'p1' ? 'urgent' : 'finding', title, summary, severity: 'medium', category },
    createdAt: endedAt,
    resolvedAt: isResolved ? resolvedAt : null,
    sourceId: `demo-${run.id}`,
  }
}

/** What ended runs add to the days of their agents. */
function daysOf(decided: readonly DecidedRun[]): DayRow[] {
  const days = Map.groupBy(decided, ({ run }) => `${run.agent.id} ${utcDay(run.endedAt).toISOString()}`)
  return [...days.values()].map((of) => {
    const sum = (read: (each: DecidedRun) => number) => of.reduce((total, each) => total + read(each), 0)
    const { run } = of[0]!
    return {
      agentId: run.agent.id,
      day: utcDay(run.endedAt),
      runs: of.length,
      succeeded: sum((each) => (each.run.failed ? 0 : 1)),
      failed: sum((each) => (each.run.failed ? 1 : 0)),
      escalatedRuns: sum((each) => (each.run.escalations > 0 ? 1 : 0)),
      escalations: sum((each) => each.run.escalations),
      toolCalls: sum((each) => each.calls),
      deniedCalls: sum((each) => each.denied),
      inputTokens: BigInt(sum((each) => promptTokensOf(each.run.figures.used))),
      outputTokens: BigInt(sum((each) => each.run.figures.used.outputTokens)),
      costMicros: of.reduce((total, each) => total + (each.run.figures.costMicros ?? 0n), 0n),
      unpricedRequests: sum((each) => (each.run.figures.costMicros === null ? each.run.figures.turns : 0)),
    }
  })
}

function asJson(rows: readonly object[]): string {
  return JSON.stringify(rows, (_, value: unknown) => (typeof value === 'bigint' ? value.toString() : value))
}
