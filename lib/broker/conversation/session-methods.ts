import type { ToolCall, ToolFacts } from '#lib/guardrails/rules/facts.ts'
import { mergedAddress } from '../merged-addresses.ts'
import { isSessionMethod } from '../methods.ts'
import type { AgentRequest, PipelineParts } from '../pipeline-parts.ts'
import type { AgentSession } from '../endpoint/sessions.ts'
import type { UpstreamConnection } from '../upstream/connection.ts'
import { untilAborted } from '../until-aborted.ts'
import { uriLengthMax, urisMax } from './listening.ts'
import { AskRefused } from './refusal.ts'
import { isLogLevel } from './talk.ts'
import type { RpcReply } from '../upstream/http.ts'

/** Whether a call is answered here whatever it says: then it tells nothing of its server, and may be made while that is down. */
export function isKeptHere({ serverId }: Pick<AgentRequest, 'serverId'>, { isMethod, tool }: ToolCall): boolean {
  return serverId === null && isMethod === true && isSessionMethod(tool)
}

/**
 * What an agent says about its session, for a server that knows none and on the merged endpoint, where no server knows it: how much is logged goes with each request from now on,
 * what is watched is listened for by the session's stream. Null for any other method.
 */
export async function answerLocally(
  parts: PipelineParts,
  request: AgentRequest,
  { connection, method, signal }: { connection: UpstreamConnection; method: ToolFacts; signal: AbortSignal },
): Promise<RpcReply | null> {
  if (method.isMethod !== true || !isSessionMethod(method.name)) return null
  const { talk, serverId, once } = request
  const { session } = talk
  const isKept = serverId === null || (await connection.ready(signal)).era === 'modern'
  if (!session || !isKept) return failed(-32600, `${method.name} needs a session that was begun with initialize.`)
  try {
    const { uri, ...rest } = request.params
    const named = typeof uri === 'string' && serverId === null ? mergedAddress(method.serverId, uri) : uri
    const params = { ...rest, uri: named }
    const keeping = once?.kept ?? keep(parts, session, { method: method.name, params })
    if (once) once.kept = keeping
    return await untilAborted(keeping, signal)
  } catch (error) {
    signal.throwIfAborted()
    if (error instanceof AskRefused) throw error
    parts.holding.log.warn({ err: error }, 'what an agent said about its session could not be kept')
    return failed(-32603, `${method.name} could not be kept now. Try again.`)
  }
}

async function keep(
  { conversations: { settings } }: PipelineParts,
  session: AgentSession,
  { method, params }: { method: string; params: Record<string, unknown> },
): Promise<RpcReply> {
  const { level, uri } = params
  if (method === 'logging/setLevel') {
    if (typeof level !== 'string' || !isLogLevel(level)) throw invalid('logging/setLevel needs a level.')
    await settings.setLogLevel(session, level)
    return { ok: true, result: {} }
  }
  if (typeof uri !== 'string') throw invalid(`${method} needs the uri of a resource.`)
  if (uri.length > uriLengthMax || uri.includes('\0') || !uri.isWellFormed()) {
    throw invalid(`A uri is text of at most ${uriLengthMax} characters.`)
  }
  const isKept = await settings.watch(session, { uri, on: method === 'resources/subscribe' })
  if (!isKept) throw invalid(`A session may watch ${urisMax} resources.`)
  return { ok: true, result: {} }
}

function invalid(message: string): AskRefused {
  return new AskRefused({ rule: 'params_invalid', message })
}

function failed(code: number, message: string): RpcReply {
  return { ok: false, status: 200, error: { code, message } }
}
