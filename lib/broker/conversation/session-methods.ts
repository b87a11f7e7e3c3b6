import type { ToolFacts } from '#lib/guardrails/rules/facts.ts'
import { isSessionMethod } from '../methods.ts'
import type { AgentRequest } from '../pipeline-parts.ts'
import type { UpstreamConnection } from '../upstream/connection.ts'
import { uriLengthMax, urisMax } from './listening.ts'
import type { RpcReply } from '../upstream/http.ts'

/**
 * What an agent says about its session, for a server that knows none: how much is logged goes with each request from now on, what is
 * watched is listened for by the session's stream. Null for any other method.
 */
export async function answerLocally(
  request: AgentRequest,
  { connection, method, signal }: { connection: UpstreamConnection; method: ToolFacts; signal: AbortSignal },
): Promise<RpcReply | null> {
  if (method.isMethod !== true || !isSessionMethod(method.name)) return null
  const { session } = request.talk
  const { era } = await connection.ready(signal)
  if (!session || era === 'legacy')
    return failed(-32600, `${method.name} needs a session that was begun with initialize.`)
  const { level, uri } = request.params
  if (method.name === 'logging/setLevel') {
    if (typeof level !== 'string') return failed(-32602, 'logging/setLevel needs a level.')
    session.logLevel = level
  } else {
    if (typeof uri !== 'string') return failed(-32602, `${method.name} needs the uri of a resource.`)
    if (uri.length > uriLengthMax) return failed(-32602, `A uri may be ${uriLengthMax} characters long.`)
    const on = method.name === 'resources/subscribe'
    if (on && session.watched.size >= urisMax && !session.watched.has(uri)) {
      return failed(-32602, `A session may watch ${urisMax} resources.`)
    }
    session.watch(uri, on)
  }
  return { ok: true, result: {} }
}

function failed(code: number, message: string): RpcReply {
  return { ok: false, status: 200, error: { code, message } }
}
