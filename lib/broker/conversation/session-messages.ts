import type { AgentSession } from '../endpoint/sessions.ts'
import { mergedNotice } from '../merged-results.ts'
import type { PipelineParts } from '../pipeline-parts.ts'
import { isTaskStatus } from '../tasks/messages.ts'
import type { UpstreamConnection } from '../upstream/connection.ts'
import type { RpcMessage } from '../upstream/http.ts'
import type { BrokeredServer } from '../view/view.ts'
import { refusedCode } from '../wire.ts'
import type { AnswerTime } from './answer-time.ts'
import { isAsk, permit } from './asks.ts'
import { mayBeTold } from './changes.ts'
import type { MarkedCall } from './event-marks.ts'
import { afterDiscovery, type Lasting, type Listener } from './listening.ts'
import { answerForAgent, askInSession, cancellationFor, sessionAsked } from './own-session.ts'
import { askedTooMuch } from './refusal.ts'
import type { ToldStream } from './told-stream.ts'

/** The stream of a session at one server; `call`: what it goes on with. */
export type StreamAbout = {
  session: AgentSession
  call: MarkedCall
  server: BrokeredServer
  lasting: Lasting
  told: ToldStream
}

/** What of a server's messages outside of a call reaches the agent, guarded; what does not, and waits for an answer, is answered for it. */
export async function forAgent(
  parts: PipelineParts,
  listener: Listener,
  about: StreamAbout & { connection: UpstreamConnection; message: RpcMessage; time: AnswerTime | null },
): Promise<RpcMessage | null> {
  const { time, message, server, session, connection, lasting, told } = about
  const method = String(message['method'])
  if (message['id'] !== undefined) {
    if (!isAsk(method)) {
      await answerForAgent(message, { session, connection, running: lasting })
      return null
    }
    if (!told.count.takes(method)) {
      lasting.end(askedTooMuch(server.id))
      return null
    }
    const ask = { method, params: message['params'] }
    const permitted = await permit(parts, listener, { server, ask, occasion: told })
    if (permitted.ok) {
      const asked = sessionAsked(listener.serverId, session)
      const where = { serverId: server.id, tool: about.call?.tool ?? null, session: asked }
      time?.asked(method)
      const { questionId, askId } = await askInSession(parts, listener, {
        session,
        upstreamId: message['id'],
        where,
        method,
      })
      if (time) parts.conversations.questions.watch(questionId, () => time.answered(), lasting.signal)
      return { jsonrpc: '2.0', id: askId, ...permitted.value }
    }
    const { message: text, rule } = permitted.error
    const error = { code: refusedCode, message: text, data: { rule } }
    await connection.tell({ id: message['id'], error }, { session: session.upstream!, signal: lasting.signal })
    return null
  }
  if (method === 'notifications/progress') time?.progressed()
  if (isTaskStatus(method)) return await told.guard(message)
  await afterDiscovery(parts, server, message)
  const may = mayBeTold(parts, { caller: listener.caller, serverId: server.id }, method)
  const notice = method === 'notifications/cancelled' ? cancellationFor(parts, session, message) : message
  const guarded = may && notice ? await told.guard(notice) : null
  return guarded && listener.serverId === null ? mergedNotice(server.id, guarded) : guarded
}
