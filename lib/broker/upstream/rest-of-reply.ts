import { pause } from '../until-aborted.ts'
import { CutOff, UpstreamFailure } from './failure.ts'
import type { RpcReply } from './http.ts'

const standardMs = 1000
/** What a server may say instead: no less, so that it is not asked without a pause, and no more than a call may take. */
const pauseMsMin = 100
const pauseMsMax = 30_000
/** How often the rest of one reply is asked for over a connection that the server closes. */
const dropsMax = 3

/** The server's stream ended before its reply and said where to go on: it is asked for the rest as often as that happens, until the signal. */
export async function restOfReply(
  cut: CutOff,
  signal: AbortSignal,
  ask: (eventId: string) => Promise<RpcReply>,
): Promise<RpcReply> {
  let drops = 0
  for (let last = cut; ;) {
    await pause(Math.min(Math.max(last.retryMs ?? standardMs, pauseMsMin), pauseMsMax), signal)
    try {
      return await ask(last.eventId)
    } catch (error) {
      if (error instanceof CutOff) last = error
      else if (!(error instanceof UpstreamFailure)) throw error
      // It has begun there, so what refuses the rest of it must not have it sent again.
      else if (error.kind === 'session_gone')
        throw new UpstreamFailure('unreachable', 'it has forgotten the session in which it was at work')
      else if (error.kind !== 'dropped' || (drops += 1) > dropsMax) throw error
    }
  }
}
