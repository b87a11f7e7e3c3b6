import type { Tx } from '#lib/db/client.ts'
import { revisionOf } from '#lib/core/revision.ts'

/**
 * What people have written about an agent, as a text that changes with it; null: there is none. What is measured or granted is not in
 * it. With `lock` it holds the agent as a command does, so that it cannot change before the transaction ends.
 */
export async function agentRevision(tx: Tx, id: string, lock: boolean): Promise<string | null> {
  if (lock) await tx.$queryRaw`select 1 from "Agent" where "id" = ${id} for no key update`
  const agent = await tx.agent.findUnique({ where: { id } })
  return agent && revisionOf(agent)
}

/** The same of an MCP server with its credentials and what it and people say of its tools. */
export async function serverRevision(tx: Tx, id: string, lock: boolean): Promise<string | null> {
  if (lock) await tx.$queryRaw`select 1 from "McpServer" where "id" = ${id} for update`
  const server = await tx.mcpServer.findUnique({
    where: { id },
    include: {
      tools: { orderBy: { name: 'asc' }, omit: { lastSeenAt: true } },
      decisions: { orderBy: { id: 'desc' }, take: 1, select: { id: true } },
      credentials: { orderBy: { id: 'asc' }, select: { id: true, kind: true, ciphertext: true, updatedAt: true } },
    },
  })
  return server && revisionOf(server)
}

/** The same of a finding; how often and when it was seen is not in it. */
export async function unregisteredRevision(tx: Tx, id: string, lock: boolean): Promise<string | null> {
  if (lock) await tx.$queryRaw`select 1 from "UnregisteredAgent" where "id" = ${id}::uuid for update`
  // That it was seen once more is no change.
  const omit = { count: true, lastSeenAt: true, listedAt: true, sessionsLookedAt: true } as const
  const finding = await tx.unregisteredAgent.findUnique({ where: { id }, omit })
  return finding && revisionOf(finding)
}

/** The same of a saved view. */
export async function viewRevision(tx: Tx, id: string, lock: boolean): Promise<string | null> {
  if (lock) await tx.$queryRaw`select 1 from "CatalogView" where "id" = ${id}::uuid for update`
  const view = await tx.catalogView.findUnique({ where: { id } })
  return view && revisionOf(view)
}

/** The same of the view that people of a role begin with; that there is none is an answer, too. */
export async function viewDefaultRevision(tx: Tx, role: string, lock: boolean): Promise<string> {
  if (lock) await lockViewDefault(tx, role)
  return revisionOf(await tx.catalogDefault.findUnique({ where: { role } }))
}

/** Holds what people of a role begin with, also where it is nothing yet, until the transaction ends. */
export async function lockViewDefault(tx: Tx, role: string): Promise<void> {
  await tx.$executeRaw`select pg_advisory_xact_lock(hashtext(${`catalog default of ${role}`}))`
}
