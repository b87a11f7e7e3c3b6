import type { Tx } from '#lib/db/client.ts'
import { durationBoundsMs } from '#lib/metrics/rules/durations.ts'
import { insertArgumentProfiles } from './argument-profiles.ts'
import { callsOf } from './calls.ts'
import type { PlannedAgent } from './fleet-plan.ts'
import type { DayRow } from './history.ts'

/** Hours of a UTC day in which demo agents work, and how much. */
export const working = [0, 0, 0, 0, 0, 1, 3, 6, 9, 10, 9, 8, 6, 7, 9, 8, 6, 5, 4, 3, 2, 2, 1, 1] as const
/** How long their calls took: shares of the buckets from the fastest on. */
const durations = [0.06, 0.3, 0.34, 0.18, 0.08, 0.03, 0.01] as const
const errorShare = 0.008

type AgentToolDay = {
  agentId: string
  serverId: string
  tool: string
  day: string
  calls: number
  refused: number
  errors: number
  lastAt: string
}
type Hour = { serverId: string; tool: string; hour: string; calls: number; refused: number; toolErrors: number }

/** The traffic behind days of the demo history of which no calls are on record, so that servers and agents have some before anything has run. */
export async function insertTraffic(
  tx: Tx,
  history: readonly { agent: PlannedAgent; days: readonly DayRow[] }[],
): Promise<void> {
  const perAgent = history.flatMap(({ agent, days }) => days.flatMap((day) => agentDay(agent, day)))
  await tx.$executeRaw`
    insert into "AgentToolDay" ("agentId", "serverId", "tool", "day", "calls", "refused", "errors", "lastAt")
    select r."agentId", r."serverId", r."tool", r."day", r."calls", r."refused", r."errors", r."lastAt"
    from json_populate_recordset(null::"AgentToolDay", ${JSON.stringify(perAgent)}::json) r join "McpServer" s on s."id" = r."serverId"
    on conflict do nothing`
  await insertArgumentProfiles(tx, perAgent)
  const hours = JSON.stringify([...hoursOf(perAgent)].map(withDurations))
  await tx.$executeRaw`
    insert into "ToolHour" ("serverId", "tool", "hour", "calls", "refused", "toolErrors", "msSum", "msBuckets")
    select r."serverId", r."tool", r."hour", r."calls", r."refused", r."toolErrors", r."msSum", r."msBuckets"
    from json_populate_recordset(null::"ToolHour", ${hours}::json) r join "McpServer" s on s."id" = r."serverId"
    on conflict ("serverId", "hour", "tool") do update set "calls" = "ToolHour"."calls" + excluded."calls",
      "refused" = "ToolHour"."refused" + excluded."refused", "toolErrors" = "ToolHour"."toolErrors" + excluded."toolErrors",
      "msSum" = "ToolHour"."msSum" + excluded."msSum",
      "msBuckets" = (select array_agg(coalesce(b."before", 0) + b."more" order by b."position")
        from unnest("ToolHour"."msBuckets", excluded."msBuckets") with ordinality as b("before", "more", "position"))`
}

function agentDay(agent: PlannedAgent, { day, toolCalls, deniedCalls }: DayRow): AgentToolDay[] {
  const { calls, refused } = callsOf(agent)
  const end = new Date(day.getTime() + 22 * 3_600_000).toISOString()
  const about = { agentId: agent.id, day: day.toISOString().slice(0, 10), lastAt: end }
  const rows = calls.map(({ server, tool, share }) => {
    const count = Math.round((toolCalls - deniedCalls) * share)
    return { ...about, serverId: server, tool, calls: count, refused: 0, errors: Math.round(count * errorShare) }
  })
  const denied = { ...about, serverId: refused.server, tool: refused.tool, calls: 0, refused: deniedCalls, errors: 0 }
  // A tool that some of them may call as well has one row for both.
  const same = rows.find(({ serverId, tool }) => serverId === refused.server && tool === refused.tool)
  if (same) same.refused = deniedCalls
  return (same ? rows : [...rows, denied]).filter((row) => row.calls + row.refused > 0)
}

/** Days spread over the hours in which people work. */
function* hoursOf(rows: readonly AgentToolDay[]): Generator<Hour> {
  for (const [key, ofDay] of Map.groupBy(rows, ({ serverId, tool, day }) => `${day} ${serverId} ${tool}`)) {
    const day = new Date(`${key.slice(0, 10)}T00:00:00Z`)
    const { serverId, tool } = ofDay[0]!
    const [calls, refused, errors] = (['calls', 'refused', 'errors'] as const).map((field) =>
      spread(
        ofDay.reduce((sum, row) => sum + row[field], 0),
        working,
      ),
    ) as [number[], number[], number[]]
    for (const hour of working.keys()) {
      if (calls[hour] === 0 && refused[hour] === 0) continue
      const at = new Date(day.getTime() + hour * 3_600_000).toISOString()
      yield {
        serverId,
        tool,
        hour: at,
        calls: calls[hour]!,
        refused: refused[hour]!,
        toolErrors: Math.min(errors[hour]!, calls[hour]!),
      }
    }
  }
}

function withDurations(hour: Hour): Hour & { msSum: number; msBuckets: number[] } {
  const msBuckets = spread(
    hour.calls,
    [...durationBoundsMs, Infinity].map((_, index) => durations[index] ?? 0),
  )
  const msSum = msBuckets.reduce(
    (sum, count, index) => sum + count * Math.round((durationBoundsMs[index] ?? 0) * 0.7),
    0,
  )
  return { ...hour, msSum, msBuckets }
}

/** A count in whole parts by weight, which add up to it. */
function spread(count: number, weights: readonly number[]): number[] {
  const sum = weights.reduce((total, weight) => total + weight, 0)
  let before = 0
  let given = 0
  return weights.map((weight) => {
    before += weight
    const upTo = Math.round((count * before) / sum)
    const part = upTo - given
    given = upTo
    return part
  })
}
