import { parseExactly } from '#lib/core/exact-json.ts'
import { isRecord } from '#lib/core/is-record.ts'
import { UpstreamFailure } from '../upstream/failure.ts'
import type { RpcReply } from '../upstream/http.ts'

type Bounds = { bytesMax: number; hold: (bytes: number) => boolean }

/** A reply as it can be handed to another replica: one that is read while it arrives is read to its end here, if it may be held. Throws `UpstreamFailure`. */
export async function wholeReply(reply: RpcReply, { bytesMax, hold }: Bounds): Promise<RpcReply> {
  if (!reply.ok || !reply.large) return reply
  const { large } = reply
  const held: Buffer[] = []
  let size = 0
  try {
    for await (const bytes of large.result()) {
      size += bytes.length
      if (size > bytesMax)
        throw new UpstreamFailure('too_large', `it answers with more than ${bytesMax} bytes`, bytesMax)
      if (!hold(bytes.length))
        throw new UpstreamFailure('too_large', 'it answers at length while many such answers are under way')
      held.push(bytes)
    }
    const result = parseExactly(large.redact(Buffer.concat(held).toString('utf8')))
    if (!isRecord(result)) throw new UpstreamFailure('malformed', 'it answers with no result')
    if (large.isLegacy) delete result['resultType']
    return { ok: true, result }
  } finally {
    await large.close()
  }
}
