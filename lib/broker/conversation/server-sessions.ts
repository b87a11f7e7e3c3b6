import { createHash } from 'node:crypto'
import { z } from 'zod'
import type { Ctx } from '#lib/auth/ctx.ts'
import { decrypt, encrypt } from '#lib/core/envelope.ts'
import { type AgentSession, partOf } from '../endpoint/sessions.ts'
import type { UpstreamSession } from '../upstream/request.ts'
import type { BrokeredServer } from '../view/view.ts'

/** As long as a session that agents name may be known. */
const keptDays = 7
const content = z.tuple([z.string(), z.string()])

type At = Pick<BrokeredServer, 'id' | 'url'>

/**
 * Sessions at servers that belong to one session of an agent at the merged address: one for each server that keeps something for it, begun when that is first needed. Each is a row, so
 * every replica goes on in the same; who has not the name of the agent's session cannot read it.
 */
export class ServerSessions {
  readonly #ctx: () => Ctx

  constructor(ctx: () => Ctx) {
    this.#ctx = ctx
  }

  /** The session with its part at one server; null when it has none there. */
  async find(session: AgentSession, server: At): Promise<AgentSession | null> {
    const key = keyOf(session, server)
    const known = session.parts.get(key)
    if (known) return await known
    const row = await this.#ctx().db.mcpServerSession.findUnique({ where: { key }, select: { upstream: true } })
    return row ? await this.#remember(session, key, Promise.resolve(opened(session, key, row.upstream))) : null
  }

  /**
   * As `find`, and begun with `open` when there is none yet; null when the server keeps none. Of two who begin one at once, here or at another replica, both get the same: `close` ends the
   * one too many.
   */
  async findOrOpen(
    session: AgentSession,
    server: At,
    begin: { open: () => Promise<UpstreamSession | null>; close: (session: UpstreamSession) => void },
  ): Promise<AgentSession | null> {
    const key = keyOf(session, server)
    return (await session.parts.get(key)) ?? (await this.#remember(session, key, this.#begin(session, server, begin)))
  }

  /** The server knows it no more, or ought not to. */
  async forget(session: AgentSession, server: At, { upstream }: AgentSession): Promise<void> {
    const key = keyOf(session, server)
    const held = await session.parts.get(key)?.catch(() => null)
    if (held?.upstream?.id === upstream?.id) session.parts.delete(key)
    const row = await this.#ctx().db.mcpServerSession.findUnique({ where: { key }, select: { upstream: true } })
    if (!row || opened(session, key, row.upstream)?.id !== upstream?.id) return
    await this.#ctx().db.mcpServerSession.deleteMany({ where: { key, upstream: row.upstream } })
  }

  /** All of its parts, at servers that are still at their address. */
  async all(
    session: AgentSession,
    servers: ReadonlyMap<string, BrokeredServer>,
  ): Promise<{ server: BrokeredServer; part: AgentSession }[]> {
    const rows = await this.#ctx().db.mcpServerSession.findMany({
      where: { session: nameOf(session) },
      select: { key: true, serverId: true },
      orderBy: { key: 'asc' },
    })
    const parts: { server: BrokeredServer; part: AgentSession }[] = []
    for (const { key, serverId } of rows) {
      const server = servers.get(serverId)
      const part = server && keyOf(session, server) === key ? await this.find(session, server) : null
      if (server && part) parts.push({ server, part })
    }
    return parts
  }

  async forgetAll(session: AgentSession): Promise<void> {
    session.parts.clear()
    await this.#ctx().db.mcpServerSession.deleteMany({ where: { session: nameOf(session) } })
  }

  async #begin(
    session: AgentSession,
    server: At,
    { open, close }: Parameters<ServerSessions['findOrOpen']>[2],
  ): Promise<UpstreamSession | null> {
    const key = keyOf(session, server)
    const { db } = this.#ctx()
    const find = () => db.mcpServerSession.findUnique({ where: { key }, select: { upstream: true } })
    const before = await find()
    const known = before && opened(session, key, before.upstream)
    if (known) return known
    const begun = await open()
    if (!begun) return null
    try {
      const sealed = encrypt(Buffer.from(JSON.stringify([begun.id, begun.version])), session.key, contextOf(key))
      const upstream = Buffer.from(sealed).toString('base64url')
      await db.$executeRaw`
        with old as (delete from "McpServerSession" where "createdAt" < now() - ${keptDays} * interval '1 day')
        insert into "McpServerSession" ("key", "session", "serverId", "upstream", "createdAt")
        values (${key}, ${nameOf(session)}, ${server.id}, ${upstream}, now()) on conflict ("key") do nothing`
      const row = await find()
      const counts = row && opened(session, key, row.upstream)
      if (counts?.id !== begun.id) close(begun)
      return counts
    } catch (error) {
      close(begun)
      throw error
    }
  }

  async #remember(
    session: AgentSession,
    key: string,
    finding: Promise<UpstreamSession | null>,
  ): Promise<AgentSession | null> {
    const part = finding.then((upstream) => upstream && partOf(session, upstream))
    session.parts.set(key, part)
    // What is not there, or could not be had, is looked for again by whoever needs it next.
    const drop = (): void => {
      if (session.parts.get(key) === part) session.parts.delete(key)
    }
    part.then((found) => found ?? drop(), drop)
    return await part
  }
}

/** Null for what was not sealed for this session. */
function opened(session: AgentSession, key: string, upstream: string): UpstreamSession | null {
  let text: string
  try {
    text = decrypt(Buffer.from(upstream, 'base64url'), session.key, contextOf(key)).toString('utf8')
  } catch {
    return null
  }
  const [id, version] = content.parse(JSON.parse(text))
  return { id, version }
}

function contextOf(key: string): string {
  return `mcp-server-session:${key}`
}

function keyOf({ name }: AgentSession, { id, url }: At): string {
  return createHash('sha256')
    .update(JSON.stringify([name, id, url]))
    .digest('base64url')
}

function nameOf({ name }: AgentSession): string {
  return createHash('sha256').update(name).digest('base64url')
}
