import { UpstreamFailure } from './failure.ts'
import type { RpcReply } from './http.ts'

/**
 * Sends a request, and once more for each of what may be mended so; after a restart of its server that is mostly both. `renew` begins another session; null where it is not the
 * broker's to do.
 */
export async function sentAgain(
  send: () => Promise<RpcReply>,
  { repeatable, renew }: { repeatable: boolean; renew: (() => Promise<void>) | null },
): Promise<RpcReply> {
  let mayRepeat = repeatable
  let mayRenew = renew !== null
  for (;;) {
    try {
      return await send()
    } catch (error) {
      const kind = error instanceof UpstreamFailure ? error.kind : null
      if (kind === 'dropped' && mayRepeat) {
        // Mostly an idle connection that the server closed as it was used again. A change may have been carried out: that is not repeated.
        mayRepeat = false
      } else if (kind === 'session_gone' && mayRenew) {
        // The server has forgotten the session, so it has not looked at the request.
        mayRenew = false
        await renew!()
      } else if (kind === 'session_gone' && renew) {
        throw new UpstreamFailure('unreachable', 'it forgets sessions as soon as they begin')
      } else throw error
    }
  }
}
