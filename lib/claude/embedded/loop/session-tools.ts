import type { EmbSession } from '#lib/db/generated/client.ts'
import { fromJson, toJson } from '../json.ts'
import type { SessionAgent } from '../sessions/view.ts'
import { connectionFor, toSessionError } from './calls.ts'
import { type LoopDeps, type Run, writeIfOpen } from './deps.ts'
import { McpFailure } from './mcp.ts'
import { ownTools, type ServerTool, type Toolset, withServerTools } from './toolset.ts'

type Listing = { name: string; tools: ServerTool[] } | { name: string; failure: McpFailure }

/**
 * The session's tools: built-in and custom ones at once, those of MCP servers as they are listed when the first turn starts. A server
 * that fails is a `session.error` and the session goes on without it; it is asked again when the next turn starts.
 */
export async function ensureToolset(deps: LoopDeps, run: Run, session: EmbSession): Promise<Toolset> {
  const agent = fromJson<SessionAgent>(session.agent)
  const known = fromJson<Toolset | null>(session.toolset)
  const toolset = known ?? { tools: ownTools(agent), listed: [] }
  const missing = agent.mcp_servers.map(({ name }) => name).filter((name) => !toolset.listed.includes(name))
  if (known && (missing.length === 0 || !run.retryServers)) return known
  run.retryServers = false
  const listings = await Promise.all(missing.map(async (name) => await listServer(deps, run, { session, name })))
  if (run.signal.aborted) return toolset

  const complete = listings.reduce(
    (set, listing) => ('tools' in listing ? withServerTools(set, agent, listing) : set),
    toolset,
  )
  await writeIfOpen(deps, run.sessionId, async (writer) => {
    for (const listing of listings) {
      if (!('failure' in listing)) continue
      writer.append({ type: 'session.error', error: toSessionError({ serverName: listing.name }, listing.failure) })
    }
    writer.set({ toolset: toJson(complete) })
  })
  return complete
}

async function listServer(
  deps: LoopDeps,
  run: Run,
  { session, name }: { session: EmbSession; name: string },
): Promise<Listing> {
  try {
    const tools = await connectionFor(deps, run, { session, name }).listTools(run.signal)
    return { name, tools }
  } catch (error) {
    const failure = error instanceof McpFailure ? error : new McpFailure('unreachable', String(error))
    return { name, failure }
  }
}
