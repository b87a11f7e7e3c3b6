import { digestOf } from '#lib/core/canonical-json.ts'
import type { AgentRequest } from '../pipeline-parts.ts'

/**
 * What a held call comes from, as a digest: the same call of the same agent in another session is another call, which a person is asked about anew. A run is its own
 * session, whatever connections its agent opens, so null there. Outside of runs it is the MCP session, by a name that every replica reads and that a restart leaves as it
 * is. Since 2026-07-28 there are none: then it is the credential that the token was issued for, and the key it is bound to, which stay when the token is renewed. Whom
 * the client acts for is part of it, too: one who is asked about the call of another is not asked about their own.
 */
export function sessionOf({ caller, talk }: Pick<AgentRequest, 'caller' | 'talk'>): string | null {
  if (caller.runId !== null) return null
  const { session } = talk
  const { credential = null, drivenBy } = caller
  const driven = drivenBy ? { drivenBy: drivenBy.personId ?? { subject: drivenBy.subject ?? null } } : {}
  return digestOf(session ? { session: session.name, ...driven } : { credential, ...driven })
}
