import type { AgentSession } from '../endpoint/sessions.ts'
import { streamDenial } from '../denials.ts'
import { deadlineOf } from '../limits.ts'
import type { PipelineParts } from '../pipeline-parts.ts'
import { pause } from '../until-aborted.ts'
import { processCaller } from '../upstream/pool.ts'
import type { RpcMessage } from '../upstream/http.ts'
import type { BrokeredServer } from '../view/view.ts'
import { everything, type Filter, logged, mayHear, mayOverhear } from './changes.ts'
import type { Lasting, Listener } from './listening.ts'
import { guardedAt, listenTo, ownAddresses } from './listening-at.ts'
import { isBelow } from './talk.ts'
import { ToldStream } from './told-stream.ts'

/** Until a server is listened to again that ended what it told, or could not be had: longer each time. */
const againMs = 1000
const againMsMax = 60_000

type About = { session: AgentSession; lasting: Lasting }

/**
 * The stream of a session on the merged endpoint: what each of its servers tells, with the addresses of that endpoint. A server that tells nothing for a while ends nothing of what
 * the others tell: it is listened to again.
 */
export function listenForMerged(
  parts: PipelineParts,
  listener: Listener,
  { servers, ...about }: About & { servers: readonly BrokeredServer[] },
): void {
  const begins = servers.map((server) => atServer(parts, listener, { server, ...about }))
  const beginAll = (): void => begins.forEach((begin) => begin())
  const { session, lasting } = about
  session.onWatch = beginAll
  beginAll()
  lasting.signal.addEventListener('abort', () => {
    if (session.onWatch === beginAll) session.onWatch = null
  })
}

/** Begins to listen at one of them, anew when what is watched there has changed. */
function atServer(
  parts: PipelineParts,
  listener: Listener,
  { server, session, lasting }: About & { server: BrokeredServer },
): () => void {
  const guards = new ToldStream(parts, listener, server)
  let opened = false
  let running: AbortController[] = []
  let listened = ''
  return () => {
    const watched = ownAddresses(session.watched, server.id)
    const of = { caller: listener.caller, serverId: server.id }
    const { filter } = mayHear(parts, of, everything(watched))
    const hearsLog = mayOverhear(parts, of, logged)
    const wanted = JSON.stringify([filter, hearsLog])
    if (wanted === listened) return
    listened = wanted
    const earlier = running
    const current = new AbortController()
    // What comes next has begun before what was ends, so that nothing is missed in between.
    const begun = (): void => {
      for (const each of earlier.splice(0)) each.abort()
    }
    if (Object.keys(filter).length === 0 && !hearsLog) return begun()
    running = [...earlier, current]
    if (!opened) void guards.open({ resumes: null, end: lasting.end })
    opened = true
    const told = async (message: RpcMessage): Promise<void> => {
      if (isBelow(message, session.logLevel)) return
      const guarded = await guardedAt(parts, listener, { server, guards, message })
      if (guarded) await lasting.stream.send(guarded)
    }
    const signal = AbortSignal.any([lasting.signal, current.signal])
    keepListening(parts, listener, { server, filter, signal, begun, told }).catch(() => {})
  }
}

/** Until the signal. What tells nothing at all is not asked again, what does not now is: as when it is down. */
async function keepListening(
  parts: PipelineParts,
  listener: Listener,
  options: {
    server: BrokeredServer
    filter: Filter
    signal: AbortSignal
    begun: () => void
    told: (message: RpcMessage) => Promise<void>
  },
): Promise<void> {
  const { server, signal } = options
  const { agent } = listener
  const room = parts.inFlight.atOnce.room(parts.limits.heldBytesMax)
  for (let waitMs = againMs; ; waitMs = Math.min(waitMs * 2, againMsMax)) {
    const begun = (): void => {
      waitMs = againMs
      options.begun()
    }
    const release = parts.conversations.listeners.take(agent.id, parts.limits.agentListenersMax)
    // Where no more may begin, what was ends first.
    if (!release) options.begun()
    try {
      if (release && !streamDenial(parts.health, server)) {
        const tells = await listenTo(parts.upstreams.connectionTo(server, processCaller(agent)), {
          ...options,
          begun,
          beginMs: deadlineOf(parts.limits, { server, agent }).limit,
          room,
        })
        if (!tells) return options.begun()
      }
    } catch {
      signal.throwIfAborted()
    } finally {
      release?.()
    }
    // All who lost a server at once do not come back at once.
    await pause(waitMs * (0.5 + Math.random()), signal)
  }
}
