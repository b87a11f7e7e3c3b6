import { covers } from '#lib/registry/rules.ts'
import type { ToolClass } from '#lib/registry/schema.ts'
import type { ServerTools, StaleToolset } from '../schema/toolsets.ts'

type HeldGrant = {
  serverId: string
  class: ToolClass
  toolName: string | null
  createdAt: Date
  revokedAt: Date | null
  expiresAt: Date | null
}
type ServerTool = { serverId: string; name: string; class: ToolClass }

/** What a session that began then lists and cannot call any more, and what it could call and may not list. */
export function toolsetChange(
  session: { beganAt: Date; servers: readonly string[] },
  { grants, tools, now }: { grants: readonly HeldGrant[]; tools: readonly ServerTool[]; now: Date },
): Pick<StaleToolset, 'lost' | 'gained'> {
  const known = tools.filter(({ serverId }) => session.servers.includes(serverId))
  const lost: (ServerTools & { since: string })[] = []
  const gained: ServerTools[] = []
  for (const serverId of new Set(known.map((tool) => tool.serverId))) {
    const here = known.filter((tool) => tool.serverId === serverId)
    const had = (tool: ServerTool, at: Date) => grants.filter((grant) => reaches(grant, tool) && holdsAt(grant, at))
    const gone = here.filter((tool) => had(tool, session.beganAt).length > 0 && had(tool, now).length === 0)
    const ends = gone.flatMap((tool) => had(tool, session.beganAt).map((grant) => endOf(grant)?.getTime() ?? 0))
    if (gone.length > 0) lost.push({ serverId, tools: namesOf(gone), since: new Date(Math.max(...ends)).toISOString() })
    const fresh = here.filter((tool) => had(tool, session.beganAt).length === 0 && had(tool, now).length > 0)
    if (fresh.length > 0) gained.push({ serverId, tools: namesOf(fresh) })
  }
  return { lost, gained }
}

function reaches(grant: HeldGrant, tool: ServerTool): boolean {
  const named = grant.toolName === null || grant.toolName === tool.name
  return grant.serverId === tool.serverId && named && covers(grant.class, tool.class)
}

function holdsAt(grant: HeldGrant, at: Date): boolean {
  const end = endOf(grant)
  return grant.createdAt <= at && (end === null || end > at)
}

/** Whichever came first. */
function endOf({ revokedAt, expiresAt }: HeldGrant): Date | null {
  if (revokedAt === null || expiresAt === null) return revokedAt ?? expiresAt
  return revokedAt < expiresAt ? revokedAt : expiresAt
}

function namesOf(tools: readonly ServerTool[]): string[] {
  return tools.map(({ name }) => name).toSorted()
}
