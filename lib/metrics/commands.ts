import { recordAudit } from '#lib/audit/commands.ts'
import { authorize, type Ctx, inTx } from '#lib/auth/ctx.ts'
import { DomainError } from '#lib/core/errors.ts'
import type { Tx } from '#lib/db/client.ts'
import { callCostOfRun } from './call-costs.ts'
import { dollarsToMicros, listPrices, listPriceSource } from './list-prices.ts'
import { costOf, isoDay, priceFor, promptTokensOf, utcDay } from './rules.ts'
import { type AddPriceInput, addPriceInput, type Usage } from './schema.ts'

export { setCallPrice } from './commands/call-prices.ts'
export { forgetTraffic, rollUpTraffic } from './commands/traffic.ts'
export { refreshOverBudget } from './over-budget.ts'

export type UsageInput = Usage & {
  runId: string
  agentId: string
  at: Date
  model: string
  /** The event's id at Claude: the same one is recorded once. */
  sourceId: string
}

/** Puts the list prices into the price book; entries that are there already stay. Returns how many were added. Needs `costs:manage`. */
export async function seedPriceBook(ctx: Ctx): Promise<number> {
  authorize(ctx, 'costs:manage')
  return inTx(ctx, async (tx) => {
    // Two starting processes take turns, so the second finds what the first added.
    await tx.$queryRaw`select 1 from pg_advisory_xact_lock(hashtext('price_book'))`
    const known = await tx.price.findMany({ select: { model: true, effectiveFrom: true, maxPromptTokens: true } })
    const keys = new Set(known.map((row) => keyOf(row)))
    const missing = listPrices
      .map((entry) => ({
        model: entry.model,
        effectiveFrom: new Date(`${entry.from}T00:00:00Z`),
        maxPromptTokens: entry.maxPromptTokens ?? null,
        inputMicros: toMicros(entry.input),
        outputMicros: toMicros(entry.output),
        cacheReadMicros: toMicros(entry.cacheRead),
        cacheWrite5mMicros: toMicros(entry.cacheWrite5m),
        cacheWrite1hMicros: toMicros(entry.cacheWrite1h),
        source: listPriceSource,
      }))
      .filter((row) => !keys.has(keyOf(row)))
    await tx.price.createMany({ data: missing })
    return missing.length
  })
}

/** Adds a price from a date on; what was recorded before keeps its price. Needs `costs:manage`; throws `conflict` when that entry exists. */
export async function addPrice(ctx: Ctx, input: AddPriceInput): Promise<{ priceId: string }> {
  authorize(ctx, 'costs:manage')
  const price = addPriceInput.parse(input)
  return inTx(ctx, async (tx, ctx) => {
    const [added] = await tx.price.createManyAndReturn({ data: [price], skipDuplicates: true, select: { id: true } })
    if (!added) throw new DomainError('conflict', `${price.model} has a price from that date on already.`)
    recordAudit(tx, ctx, {
      event: 'price.added',
      subject: { kind: 'price', id: added.id, name: price.model },
      detail: {
        model: price.model,
        effectiveFrom: price.effectiveFrom.toISOString(),
        maxPromptTokens: price.maxPromptTokens,
      },
    })
    return { priceId: added.id }
  })
}

/** Records and prices one model request, once per `sourceId`, and adds it to the run and the agent's day, all in the caller's transaction. */
export async function recordUsage(
  tx: Tx,
  usage: UsageInput,
): Promise<{ recorded: boolean; costMicros: bigint | null }> {
  const book = await tx.price.findMany({ where: { effectiveFrom: { lte: usage.at } } })
  const price = priceFor(book, { model: usage.model, promptTokens: promptTokensOf(usage), at: usage.at })
  const costMicros = costOf(usage, price)
  const cacheWriteTokens = usage.cacheWrite5mTokens + usage.cacheWrite1hTokens
  const added = await tx.$executeRaw`
    insert into "UsageRecord" ("id", "runId", "agentId", "at", "model", "inputTokens", "outputTokens", "cacheReadTokens",
      "cacheWrite5mTokens", "cacheWrite1hTokens", "costMicros", "priceId", "sourceId")
    values (gen_random_uuid(), ${usage.runId}::uuid, ${usage.agentId}, ${usage.at}, ${usage.model}, ${usage.inputTokens},
      ${usage.outputTokens}, ${usage.cacheReadTokens}, ${usage.cacheWrite5mTokens}, ${usage.cacheWrite1hTokens},
      ${costMicros}, ${price?.id ?? null}::uuid, ${usage.sourceId})
    on conflict ("runId", "sourceId") do nothing`
  if (added === 0) return { recorded: false, costMicros }
  // A sum with a part that is not priced is not priced: null + x is null in SQL.
  await tx.$executeRaw`
    update "Run" set "model" = ${usage.model}, "inputTokens" = "inputTokens" + ${usage.inputTokens},
      "outputTokens" = "outputTokens" + ${usage.outputTokens}, "cacheReadTokens" = "cacheReadTokens" + ${usage.cacheReadTokens},
      "cacheWriteTokens" = "cacheWriteTokens" + ${cacheWriteTokens}, "costMicros" = "costMicros" + ${costMicros}::bigint
    where "id" = ${usage.runId}::uuid`
  await addToDay(tx, usage.agentId, usage.at, {
    inputTokens: BigInt(promptTokensOf(usage)),
    outputTokens: BigInt(usage.outputTokens),
    costMicros: costMicros ?? 0n,
    unpricedRequests: costMicros === null ? 1 : 0,
  })
  return { recorded: true, costMicros }
}

/** Adds an ended run to its agent's day, in the transaction that ends it, and says what its calls cost. The caller calls it once a run. */
export async function countRunEnd(tx: Tx, runId: string): Promise<{ callCostMicros: bigint }> {
  const run = await tx.run.findUniqueOrThrow({
    where: { id: runId },
    select: {
      agentId: true,
      state: true,
      endedAt: true,
      createdAt: true,
      toolCalls: true,
      deniedCalls: true,
      escalationCount: true,
    },
  })
  await addToDay(tx, run.agentId, run.endedAt ?? run.createdAt, {
    runs: 1,
    succeeded: run.state === 'succeeded' ? 1 : 0,
    failed: run.state === 'failed' ? 1 : 0,
    escalatedRuns: run.escalationCount > 0 ? 1 : 0,
    escalations: run.escalationCount,
    toolCalls: run.toolCalls,
    deniedCalls: run.deniedCalls,
  })
  return { callCostMicros: await callCostOfRun(tx, runId) }
}

/**
 * Recomputes whole UTC days from runs, usage and what calls cost: repairs a roll-up and changes nothing when it is right. What calls cost stays where it is not known
 * by tool any more. Days of demo agents stay, because most of their history has no runs behind it. Returns how many rows were wrong. Needs `costs:manage`.
 */
export async function rollUpDays(ctx: Ctx, range: { from: Date; to: Date }): Promise<number> {
  authorize(ctx, 'costs:manage')
  const [from, to] = [utcDay(range.from), utcDay(range.to)]
  return inTx(ctx, async (tx) => {
    // Writers add a run or a request and its day in one transaction; with them locked out, what is visible is complete.
    await tx.$executeRaw`lock table "AgentDay" in share row exclusive mode`
    return tx.$executeRaw`
      with ended as (
        select "agentId", ("endedAt" at time zone 'UTC')::date as day, count(*)::int as runs,
          count(*) filter (where "state" = 'succeeded')::int as succeeded, count(*) filter (where "state" = 'failed')::int as failed,
          count(*) filter (where "escalationCount" > 0)::int as "escalatedRuns", sum("escalationCount")::int as escalations,
          sum("toolCalls")::int as "toolCalls", sum("deniedCalls")::int as "deniedCalls"
        from "Run"
        where "state" in ('succeeded', 'failed', 'stopped') and "endedAt" >= ${from} and "endedAt" < ${to}::timestamptz + interval '1 day'
        group by 1, 2
      ), used as (
        select "agentId", ("at" at time zone 'UTC')::date as day,
          sum("inputTokens"::bigint + "cacheReadTokens" + "cacheWrite5mTokens" + "cacheWrite1hTokens")::bigint as "inputTokens",
          sum("outputTokens")::bigint as "outputTokens", coalesce(sum("costMicros"), 0)::bigint as "costMicros",
          count(*) filter (where "costMicros" is null)::int as "unpricedRequests"
        from "UsageRecord" where "at" >= ${from} and "at" < ${to}::timestamptz + interval '1 day'
        group by 1, 2
      ), called as (
        select "agentId", "day" as day, sum("costMicros")::bigint as "callCostMicros" from "AgentToolDay"
        where "day" between ${isoDay(from)}::date and ${isoDay(to)}::date and "costMicros" > 0 group by 1, 2
      ), measured as (
        select "agentId", day, coalesce(runs, 0) as runs, coalesce(succeeded, 0) as succeeded, coalesce(failed, 0) as failed,
          coalesce("escalatedRuns", 0) as "escalatedRuns", coalesce(escalations, 0) as escalations, coalesce("toolCalls", 0) as "toolCalls",
          coalesce("deniedCalls", 0) as "deniedCalls", coalesce("inputTokens", 0) as "inputTokens",
          coalesce("outputTokens", 0) as "outputTokens", coalesce("costMicros", 0) as "usageCostMicros",
          "callCostMicros", coalesce("unpricedRequests", 0) as "unpricedRequests"
        from ended full join used using ("agentId", day) full join called using ("agentId", day)
        where "agentId" in (select "id" from "Agent" where not "demo")
      )
      insert into "AgentDay" ("agentId", "day", "runs", "succeeded", "failed", "escalatedRuns", "escalations", "toolCalls",
        "deniedCalls", "inputTokens", "outputTokens", "costMicros", "callCostMicros", "unpricedRequests")
      select m."agentId", m.day, m.runs, m.succeeded, m.failed, m."escalatedRuns", m.escalations, m."toolCalls", m."deniedCalls",
        m."inputTokens", m."outputTokens", m."usageCostMicros" + c.micros, c.micros, m."unpricedRequests"
      from measured m left join "AgentDay" d on d."agentId" = m."agentId" and d."day" = m.day
      cross join lateral (select coalesce(m."callCostMicros", d."callCostMicros", 0) as micros) c
      on conflict ("agentId", "day") do update set "runs" = excluded."runs", "succeeded" = excluded."succeeded",
        "failed" = excluded."failed", "escalatedRuns" = excluded."escalatedRuns", "escalations" = excluded."escalations",
        "toolCalls" = excluded."toolCalls", "deniedCalls" = excluded."deniedCalls", "inputTokens" = excluded."inputTokens",
        "outputTokens" = excluded."outputTokens", "costMicros" = excluded."costMicros",
        "callCostMicros" = excluded."callCostMicros", "unpricedRequests" = excluded."unpricedRequests"
      where "AgentDay" is distinct from excluded`
  })
}

type DayPart = Partial<{
  runs: number
  succeeded: number
  failed: number
  escalatedRuns: number
  escalations: number
  toolCalls: number
  deniedCalls: number
  inputTokens: bigint
  outputTokens: bigint
  costMicros: bigint
  unpricedRequests: number
}>

async function addToDay(tx: Tx, agentId: string, at: Date, part: DayPart): Promise<void> {
  await tx.$executeRaw`
    insert into "AgentDay" ("agentId", "day", "runs", "succeeded", "failed", "escalatedRuns", "escalations", "toolCalls",
      "deniedCalls", "inputTokens", "outputTokens", "costMicros", "unpricedRequests")
    values (${agentId}, ${utcDay(at)}::date, ${part.runs ?? 0}, ${part.succeeded ?? 0}, ${part.failed ?? 0}, ${part.escalatedRuns ?? 0},
      ${part.escalations ?? 0}, ${part.toolCalls ?? 0}, ${part.deniedCalls ?? 0}, ${part.inputTokens ?? 0n},
      ${part.outputTokens ?? 0n}, ${part.costMicros ?? 0n}, ${part.unpricedRequests ?? 0})
    on conflict ("agentId", "day") do update set "runs" = "AgentDay"."runs" + excluded."runs",
      "succeeded" = "AgentDay"."succeeded" + excluded."succeeded", "failed" = "AgentDay"."failed" + excluded."failed",
      "escalatedRuns" = "AgentDay"."escalatedRuns" + excluded."escalatedRuns",
      "escalations" = "AgentDay"."escalations" + excluded."escalations",
      "toolCalls" = "AgentDay"."toolCalls" + excluded."toolCalls", "deniedCalls" = "AgentDay"."deniedCalls" + excluded."deniedCalls",
      "inputTokens" = "AgentDay"."inputTokens" + excluded."inputTokens",
      "outputTokens" = "AgentDay"."outputTokens" + excluded."outputTokens",
      "costMicros" = "AgentDay"."costMicros" + excluded."costMicros",
      "unpricedRequests" = "AgentDay"."unpricedRequests" + excluded."unpricedRequests"`
}

function toMicros(dollars: string | undefined): bigint | null {
  return dollars === undefined ? null : dollarsToMicros(dollars)
}

function keyOf(row: { model: string; effectiveFrom: Date; maxPromptTokens: number | null }): string {
  return `${row.model} ${row.effectiveFrom.toISOString()} ${row.maxPromptTokens ?? 'all'}`
}
