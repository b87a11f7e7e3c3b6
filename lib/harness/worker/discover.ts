import type { ClaudeAgentView } from '#lib/claude/schema.ts'
import { closeGone, noteUnregistered } from '#lib/registry/commands.ts'
import type { Sighting } from '#lib/registry/schema/unregistered.ts'
import { type HarnessDeps, marks, workerCtx } from './deps.ts'

/** What we make ourselves is at Claude a moment before the registry has it bound; longer than that is no moment. */
const bindingMs = 60 * 60_000
/** Dismissed agents whose sessions are looked at in one go: each is a request. */
const lookedAtMax = 50

/**
 * Compares the agents at Claude with the registry: those that no entry has are noted as unregistered, those noted before that are gone are
 * closed. A dismissed one comes back when it has a new version or a session since. Returns how many there are.
 */
export async function discoverAgents(deps: HarnessDeps): Promise<number> {
  return await deps.exclusively('discover-agents', async () => {
    const strange: ClaudeAgentView[] = []
    for await (const agent of deps.claude.listAgents()) {
      if (agent.archivedAt === null && !(await isOurs(deps, agent))) strange.push(agent)
    }
    const known = await deps.db.unregisteredAgent.findMany({
      where: { source: 'claude', key: { in: strange.map(({ id }) => id) } },
      select: { key: true, state: true, decidedAt: true, detail: true },
      orderBy: { lastSeenAt: 'asc' },
    })
    const before = new Map(known.map((row) => [row.key, row]))
    const active = await dismissedWithSessions(deps, known)
    const sightings = strange.map((agent): Sighting & { acted: boolean } => {
      const last = before.get(agent.id)?.detail as Record<string, string> | undefined
      const acted =
        active.has(agent.id) || (last?.['version'] !== undefined && last['version'] !== String(agent.version))
      const claims = agent.metadata[marks.agent]
      const detail = { version: String(agent.version), ...(claims === undefined ? {} : { claims_to_be: claims }) }
      return { source: 'claude', key: agent.id, name: agent.name, verified: true, detail, count: acted ? 1 : 0, acted }
    })
    await noteUnregistered(workerCtx(deps), sightings)
    await closeGone(workerCtx(deps), { present: new Set(strange.map(({ id }) => id)) })
    return strange.length
  })
}

/** Bound to a version in the registry, or just being made for one. */
async function isOurs(deps: HarnessDeps, { id, metadata }: ClaudeAgentView): Promise<boolean> {
  if ((await deps.db.claudeBinding.count({ where: { claudeAgentId: id } })) > 0) return true
  const agentId = metadata[marks.agent]
  if (agentId === undefined) return false
  const young = { agentId, createdAt: { gt: new Date(Date.now() - bindingMs) }, claude: null }
  return (await deps.db.agentVersion.count({ where: young })) > 0
}

async function dismissedWithSessions(
  deps: HarnessDeps,
  known: readonly { key: string; state: string; decidedAt: Date | null }[],
): Promise<Set<string>> {
  const active = new Set<string>()
  const dismissed = known.filter(({ state }) => state === 'dismissed').slice(0, lookedAtMax)
  for (const { key, decidedAt } of dismissed) {
    const since = decidedAt ? { createdSince: decidedAt } : {}
    const { value } = await deps.claude.listSessions({ agentId: key, ...since }).next()
    if (value) active.add(key)
  }
  return active
}
