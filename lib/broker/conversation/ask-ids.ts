import { z } from 'zod'
import { decrypt, encrypt } from '#lib/core/envelope.ts'
import { askMethods } from '#lib/registry/schema.ts'
import type { AgentSession } from '../endpoint/sessions.ts'
import type { UpstreamSession } from '../upstream/request.ts'

/** What an agent with a session is asked. */
export type Asked = {
  questionId: string
  serverId: string
  /** As the server knows it, in the session that is this one's alone; null: the broker asks. */
  upstreamId: string | number | null
  method: (typeof askMethods)[number]
  /** The call it is asked in; null for what no call began. */
  tool: string | null
  /** The session at the server that it is asked in, at the merged address; elsewhere the agent's own says so. */
  session?: UpstreamSession | undefined
}

const context = 'mcp-ask'
const content = z.tuple([
  z.uuid(),
  z.string(),
  z.union([z.string(), z.number()]).nullable(),
  z.enum(askMethods),
  z.string().nullable(),
  z.tuple([z.string(), z.string()]).optional(),
])

/** The id under which the agent is asked. It says what is asked and in which call, for this session only, so any replica knows what an answer is to. */
export function askIdFor(session: AgentSession, asked: Asked): string {
  const { questionId, serverId, upstreamId, method, tool } = asked
  const within = asked.session ? [[asked.session.id, asked.session.version]] : []
  const text = JSON.stringify([questionId, serverId, upstreamId, method, tool, ...within])
  return Buffer.from(encrypt(Buffer.from(text), session.key, context)).toString('base64url')
}

/** Null for what was not asked in this session. */
export function readAskId(session: AgentSession, id: unknown): Asked | null {
  if (typeof id !== 'string') return null
  let text: string
  try {
    text = decrypt(Buffer.from(id, 'base64url'), session.key, context).toString('utf8')
  } catch {
    return null
  }
  const parsed = content.safeParse(JSON.parse(text))
  if (!parsed.success) return null
  const [questionId, serverId, upstreamId, method, tool, within] = parsed.data
  return {
    questionId,
    serverId,
    upstreamId,
    method,
    tool,
    session: within && { id: within[0], version: within[1] },
  }
}
