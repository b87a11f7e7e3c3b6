import { authorize, type Ctx, reader } from '#lib/auth/ctx.ts'
import { DomainError } from '#lib/core/errors.ts'
import type { Tx } from '#lib/db/client.ts'
import type { Environment, ToolClass } from '#lib/registry/schema.ts'
import { isoDay, utcDay } from '../rules.ts'
import { countedUntil } from '../counted-until.ts'
import { lastDays, type DayRange } from '../day-sums.ts'
import type { AgentServerTraffic, AgentTraffic, AgentTrafficQuery, CalledTool, Neighbour } from '../schema/traffic.ts'

/** How many neighbours are named; all are counted. */
const neighboursMax = 5

/**
 * What an agent called at the broker, server by server, with the agents that it meets there: those that write where it reads, and those that read where it writes. Needs
 * `agents:read`; throws `not_found`.
 */
export async function agentTraffic(ctx: Ctx, { agentId, days }: AgentTrafficQuery): Promise<AgentTraffic> {
  authorize(ctx, 'agents:read')
  const db = reader(ctx)
  if (!(await db.agent.findUnique({ where: { id: agentId }, select: { id: true } }))) {
    throw new DomainError('not_found', `There is no agent ${agentId}.`)
  }
  const range = lastDays(utcDay(ctx.now), days).current
  // Asked first: what is counted meanwhile is shown as well, never said to be and missing.
  const until = await countedUntil(ctx)
  const called = await calledBy(db, agentId, range)
  const servers: AgentServerTraffic[] = []
  for (const rows of Map.groupBy(called, (row) => row.serverId).values()) {
    const { serverId, serverName, environment } = rows[0]!
    const tools = rows.map(({ tool, class: toolClass, calls, refused, errors, costMicros, lastAt }) => {
      const counts = { calls, refused, errors, costMicros: costMicros.toString() }
      return { tool, class: toolClass, ...counts, lastAt: lastAt.toISOString() }
    })
    const about = { agentId, serverId, range }
    servers.push({
      server: { id: serverId, name: serverName, environment },
      tools,
      feeds: tools.some(didRead) ? await neighbours(db, { ...about, who: 'write' }) : nobody,
      fed: tools.some(didWrite) ? await neighbours(db, { ...about, who: 'read' }) : nobody,
    })
  }
  return { agentId, days, countedUntil: until, from: isoDay(range.from), to: isoDay(range.to), servers }
}

const nobody = { agents: [], total: 0 }

/** A method of MCP has no class of its own and only reads. */
function didRead({ class: toolClass, calls }: CalledTool): boolean {
  return calls > 0 && (toolClass === 'read' || toolClass === null)
}

function didWrite({ class: toolClass, calls }: CalledTool): boolean {
  return calls > 0 && (toolClass === 'write' || toolClass === 'destructive')
}

type CalledRow = {
  serverId: string
  serverName: string
  environment: Environment
  tool: string
  class: ToolClass | null
  calls: number
  refused: number
  errors: number
  costMicros: bigint
  lastAt: Date
}

function calledBy(db: Tx, agentId: string, range: DayRange): Promise<CalledRow[]> {
  return db.$queryRaw<CalledRow[]>`
    with called as (
      select "serverId", "tool", sum("calls")::int as "calls", sum("refused")::int as "refused", sum("errors")::int as "errors",
        sum("costMicros")::bigint as "costMicros", max("lastAt") as "lastAt"
      from "AgentToolDay" where "agentId" = ${agentId} and "day" between ${isoDay(range.from)}::date and ${isoDay(range.to)}::date
      group by 1, 2
    )
    select c.*, s."name" as "serverName", s."environment"::text as "environment", t."class"::text as "class"
    from called c join "McpServer" s on s."id" = c."serverId"
    left join "McpTool" t on t."serverId" = c."serverId" and t."name" = c."tool"
    order by sum(c."calls" + c."refused") over (partition by c."serverId") desc, c."serverId", c."calls" + c."refused" desc, c."tool"`
}

async function neighbours(
  db: Tx,
  { agentId, serverId, range, who }: { agentId: string; serverId: string; range: DayRange; who: 'read' | 'write' },
): Promise<{ agents: Neighbour[]; total: number }> {
  const classes = who === 'read' ? ['read'] : ['write', 'destructive']
  const rows = await db.$queryRaw<(Neighbour & { total: number })[]>`
    with called as (
      select d."agentId", sum(d."calls")::int as "calls" from "AgentToolDay" d
      join "McpTool" t on t."serverId" = d."serverId" and t."name" = d."tool"
      where d."serverId" = ${serverId} and d."day" between ${isoDay(range.from)}::date and ${isoDay(range.to)}::date
        and d."calls" > 0 and d."agentId" <> ${agentId} and t."class"::text = any(${classes})
      group by 1
    )
    select a."id", a."name", c."calls", count(*) over ()::int as "total"
    from called c join "Agent" a on a."id" = c."agentId" order by c."calls" desc, a."id" limit ${neighboursMax}`
  return { agents: rows.map(({ id, name, calls }) => ({ id, name, calls })), total: rows[0]?.total ?? 0 }
}
