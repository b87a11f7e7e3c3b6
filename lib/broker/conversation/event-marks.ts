import { z } from 'zod'
import { digestOfText } from '#lib/core/canonical-json.ts'
import { decrypt, encrypt } from '#lib/core/envelope.ts'
import type { AgentSession } from '../endpoint/sessions.ts'
import type { EventMark } from '../upstream/http.ts'

/**
 * The call an event belongs to; null for one of the stream that no call began. `endId`: the record of its end, whichever broker writes it; `requestDigest`: of its id, which is as
 * long as its agent likes.
 */
export type MarkedCall = {
  tool: string
  isMethod: boolean
  argumentsDigest: string
  endId: string
  requestDigest: string
} | null

const context = 'mcp-event'
const content = z.tuple([
  z.string(),
  z.tuple([z.string(), z.boolean(), z.string(), z.uuid(), z.string()]).nullable(),
  z.string().nullable().optional(),
])

/**
 * The mark of a server's event as the agent gets it: what resumes after it is decided and recorded as the call it belongs to. `serverId`: whose event it is, at the merged address; null at
 * the server's own.
 */
export function markFor(
  session: AgentSession,
  mark: EventMark,
  { call: about, serverId }: { call: MarkedCall; serverId: string | null },
): EventMark {
  if (mark.id === null) return mark
  const call = about && [about.tool, about.isMethod, about.argumentsDigest, about.endId, about.requestDigest]
  const sealed = encrypt(
    Buffer.from(JSON.stringify(serverId === null ? [mark.id, call] : [mark.id, call, serverId])),
    session.key,
    context,
  )
  return { id: Buffer.from(sealed).toString('base64url'), retry: mark.retry }
}

/** The server's own id of an event of this session; null for anything else. */
export function readMark(
  session: AgentSession,
  id: string,
): { eventId: string; about: MarkedCall; serverId: string | null } | null {
  let text: string
  try {
    text = decrypt(Buffer.from(id, 'base64url'), session.key, context).toString('utf8')
  } catch {
    return null
  }
  const parsed = content.safeParse(JSON.parse(text))
  if (!parsed.success) return null
  const [eventId, call, serverId = null] = parsed.data
  const about = call && {
    tool: call[0],
    isMethod: call[1],
    argumentsDigest: call[2],
    endId: call[3],
    requestDigest: call[4],
  }
  return { eventId, serverId, about }
}

/** Of a request's id, as its agent wrote it. */
export function requestDigest(id: unknown): string {
  return digestOfText(JSON.stringify(id ?? null))
}
