import { fromJson } from '../json.ts'
import type { SessionAgent } from '../sessions/view.ts'
import { bearerFor } from '../vaults/credentials.ts'
import { internalOf } from '../events/types.ts'
import { type LoopDeps, type Run, writeIfOpen } from './deps.ts'
import { type CallOutcome, createMcpConnection, type McpConnection, McpFailure } from './mcp.ts'
import { textBlock } from './results.ts'
import type { Call } from './state.ts'
import type { Toolset } from './toolset.ts'

type Session = { agent: unknown; vaultIds: string[]; toolset: unknown }

/** Executes the MCP calls of a turn side by side; each result is written as it comes. Calls that were aborted stay open. */
export async function runMcpCalls(
  deps: LoopDeps,
  run: Run,
  { session, calls }: { session: Session; calls: readonly Call[] },
): Promise<void> {
  const { signal } = run
  await Promise.all(
    calls.map(async (call) => {
      const outcome = await execute(deps, run, { session, call })
      if (signal.aborted || !outcome) return
      await writeIfOpen(deps, run.sessionId, async (writer) => {
        if (outcome.failure) writer.append({ type: 'session.error', error: toSessionError(call, outcome.failure) })
        const { content, isError } = outcome
        writer.append({ type: 'agent.mcp_tool_result', mcp_tool_use_id: call.eventId, content, is_error: isError })
      })
    }),
  )
}

/** The session's connection to a server of its agent. */
export function connectionFor(deps: LoopDeps, run: Run, server: { session: Session; name: string }): McpConnection {
  const existing = run.connections.get(server.name)
  if (existing) return existing
  const { mcp_servers: servers } = fromJson<SessionAgent>(server.session.agent)
  const url = servers.find(({ name }) => name === server.name)?.url
  if (!url) throw new McpFailure('unreachable', `The agent has no MCP server ${server.name}.`)
  const connection = createMcpConnection({
    name: server.name,
    url,
    token: async () => await bearerFor(deps.vaults, server.session.vaultIds, url),
    deadlines: { connectMs: deps.limits.mcpConnectMs, callMs: deps.limits.mcpCallMs },
  })
  run.connections.set(server.name, connection)
  return connection
}

type Executed = CallOutcome & { failure?: McpFailure }

/** Null when the call was aborted. */
async function execute(
  deps: LoopDeps,
  run: Run,
  { session, call }: { session: Session; call: Call },
): Promise<Executed | null> {
  if (call.sent && !isRepeatable(session, call)) {
    const text = 'The connection was lost before the answer came, so it is not known whether the call took effect.'
    return { content: textBlock(text), isError: true }
  }
  try {
    const connection = connectionFor(deps, run, { session, name: call.serverName ?? '' })
    await markSent(deps, run, call)
    if (run.signal.aborted) return null
    return await connection.callTool({ name: call.name, input: call.input }, run.signal)
  } catch (error) {
    if (run.signal.aborted) return null
    if (!(error instanceof McpFailure)) throw error
    return { content: textBlock(error.message), isError: true, failure: error }
  }
}

/** Written before the call leaves: a crash in between must not send a write twice. */
async function markSent(deps: LoopDeps, run: Run, call: Call): Promise<void> {
  await writeIfOpen(deps, run.sessionId, async (writer) => {
    writer.setInternal(call.stored, { ...internalOf(call.stored), sent: true })
  })
}

function isRepeatable(session: Session, call: Call): boolean {
  const toolset = fromJson<Toolset | null>(session.toolset)
  const tool = toolset?.tools.find(({ serverName, name }) => serverName === call.serverName && name === call.name)
  return tool?.repeatable === true
}

export function toSessionError(server: { serverName: string | null }, failure: McpFailure) {
  const type = failure.kind === 'refused' ? 'mcp_authentication_failed_error' : 'mcp_connection_failed_error'
  return {
    type,
    mcp_server_name: server.serverName ?? '',
    message: failure.message,
    // The session goes on without the server; it is tried again at the next turn or call.
    retry_status: { type: 'retrying' },
  } as const
}
