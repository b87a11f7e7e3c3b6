import { createHmac } from 'node:crypto'
import { equalInConstantTime } from '#lib/core/secret-box.ts'

/** The prefix the API documents for the token inside a work item's secret. */
const prefix = 'sk-ant-req-'

/** Which claim of which item a token was made for. A later claim of the same item makes the earlier token a bystander's. */
export type Claim = { workId: string; attempt: number }

/** Signed with the environment key, so nothing has to be stored and rotating that key ends every token. */
export function signWorkToken(claim: Claim, environmentKey: string): string {
  const subject = `${claim.workId}.${claim.attempt}`
  return `${prefix}${Buffer.from(subject).toString('base64url')}.${sign(subject, environmentKey)}`
}

/** The claim a token stands for, or null when it is not one of ours. */
export function readWorkToken(token: string, environmentKey: string): Claim | null {
  const [encoded, signature] = token.startsWith(prefix) ? token.slice(prefix.length).split('.') : []
  if (!encoded || !signature) return null
  const subject = Buffer.from(encoded, 'base64url').toString('utf8')
  if (!equalInConstantTime(signature, sign(subject, environmentKey))) return null
  const [workId, attempt] = subject.split('.')
  return workId && attempt ? { workId, attempt: Number(attempt) } : null
}

/** The `secret` of a polled item: base64url JSON, as the SDK's workers read it. */
export function toWorkSecret(token: string): string {
  return Buffer.from(JSON.stringify({ sessions_token: token })).toString('base64url')
}

function sign(subject: string, environmentKey: string): string {
  return createHmac('sha256', environmentKey).update(`work-token:${subject}`).digest('base64url')
}
