import type { ClaudeAgentView } from '#lib/claude/schema.ts'
import { closeGone, noteUnregistered } from '#lib/registry/commands.ts'
import type { Sighting } from '#lib/registry/schema/unregistered.ts'
import { type HarnessDeps, marks, workerCtx } from './deps.ts'

/** What we make ourselves is at Claude a moment before the registry has it bound; longer than that is no moment. */
const bindingMs = 60 * 60_000
/** Dismissed agents whose sessions are looked at in one go: each is a request. */
const lookedAtMax = 50
/** Agents at Claude that the registry is asked about at once. */
const pageSize = 200

/**
 * Compares the agents at Claude with the registry, a page at a time: those that no entry has are noted as unregistered, those listed before that
 * are gone are closed. A dismissed one comes back when it has a new version or a session since. Returns how many there are.
 */
export async function discoverAgents(deps: HarnessDeps): Promise<number> {
  return await deps.exclusively('discover-agents', async () => {
    const listedAt = new Date()
    const turn = await nextDismissed(deps)
    let strange = 0
    for await (const page of inPages(deps.claude.listAgents())) {
      const found = await notOurs(
        deps,
        page.filter(({ archivedAt }) => archivedAt === null),
      )
      strange += found.length
      await note(deps, found, { listedAt, turn })
    }
    // Not reached when the listing breaks off: what was not listed then is not gone.
    await closeGone(workerCtx(deps), { listedAt })
    return strange
  })
}

type Listing = { listedAt: Date; turn: ReadonlySet<string> }

async function note(deps: HarnessDeps, found: readonly ClaudeAgentView[], { listedAt, turn }: Listing): Promise<void> {
  const known = await knownOf(deps, found)
  const before = new Map(known.map((row) => [row.key, row]))
  const active = await withSessions(
    deps,
    known.filter(({ key }) => turn.has(key)),
  )
  const sightings = found.map((agent): Sighting & { acted: boolean; listedAt: Date } => {
    const last = before.get(agent.id)?.detail as Record<string, string> | undefined
    const acted = active.has(agent.id) || (last?.['version'] !== undefined && last['version'] !== String(agent.version))
    const claims = agent.metadata[marks.agent]
    const detail = { version: String(agent.version), ...(claims === undefined ? {} : { claims_to_be: claims }) }
    const { id: key, name, definition } = agent
    return { source: 'claude', key, name, verified: true, detail, definition, count: acted ? 1 : 0, acted, listedAt }
  })
  await noteUnregistered(workerCtx(deps), sightings)
}

async function* inPages<T>(all: AsyncIterable<T>): AsyncGenerator<T[]> {
  let page: T[] = []
  for await (const one of all) {
    page.push(one)
    if (page.length < pageSize) continue
    yield page
    page = []
  }
  if (page.length > 0) yield page
}

/** Those that are neither bound to a version in the registry nor just being made for one. */
async function notOurs({ db }: HarnessDeps, agents: readonly ClaudeAgentView[]): Promise<ClaudeAgentView[]> {
  const bindings = await db.claudeBinding.findMany({
    where: { claudeAgentId: { in: agents.map(({ id }) => id) } },
    select: { claudeAgentId: true },
  })
  const claims = agents.flatMap(({ metadata }) => metadata[marks.agent] ?? [])
  const making = await db.agentVersion.findMany({
    where: { agentId: { in: claims }, createdAt: { gt: new Date(Date.now() - bindingMs) }, claude: null },
    select: { agentId: true },
  })
  const bound = new Set(bindings.map(({ claudeAgentId }) => claudeAgentId))
  const young = new Set(making.map(({ agentId }) => agentId))
  return agents.filter(({ id, metadata }) => !bound.has(id) && !young.has(metadata[marks.agent] ?? ''))
}

type Known = { key: string; decidedAt: Date | null; detail: unknown }

async function knownOf({ db }: HarnessDeps, agents: readonly ClaudeAgentView[]): Promise<Known[]> {
  return await db.unregisteredAgent.findMany({
    where: { source: 'claude', key: { in: agents.map(({ id }) => id) } },
    select: { key: true, decidedAt: true, detail: true },
  })
}

/** Those whose turn it is to be asked for new sessions: whoever has waited longest. */
async function nextDismissed({ db }: HarnessDeps): Promise<Set<string>> {
  const rows = await db.unregisteredAgent.findMany({
    where: { source: 'claude', state: 'dismissed', listedAt: { not: null } },
    orderBy: [{ sessionsLookedAt: { sort: 'asc', nulls: 'first' } }, { id: 'asc' }],
    take: lookedAtMax,
    select: { key: true },
  })
  // Also one that is listed no more has had its turn then.
  await db.unregisteredAgent.updateMany({
    where: { source: 'claude', key: { in: rows.map(({ key }) => key) } },
    data: { sessionsLookedAt: new Date() },
  })
  return new Set(rows.map(({ key }) => key))
}

async function withSessions(deps: HarnessDeps, dismissed: readonly Known[]): Promise<Set<string>> {
  const active = new Set<string>()
  for (const { key, decidedAt } of dismissed) {
    const since = decidedAt ? { createdSince: decidedAt } : {}
    const { value } = await deps.claude.listSessions({ agentId: key, ...since }).next()
    if (value) active.add(key)
  }
  return active
}
