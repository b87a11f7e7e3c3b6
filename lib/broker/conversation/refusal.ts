import type { Denial } from '#lib/guardrails/schema.ts'
import { CallEnded } from '../in-flight.ts'
import { CredentialFailure } from '../upstream/credential.ts'
import { UpstreamFailure } from '../upstream/failure.ts'
import { asksAtOnceMax } from './asks.ts'

/** A server asked for something that its agent may not be asked for: the call ends with this rule. */
export class AskRefused extends Error {
  override readonly name = 'AskRefused'
  readonly denial: Denial
  /** `upstream_error`: the server itself had answered with an error, and carried out nothing. */
  readonly outcome: 'aborted' | 'upstream_error'

  constructor(denial: Denial, outcome: AskRefused['outcome'] = 'aborted') {
    super(denial.message)
    this.denial = denial
    this.outcome = outcome
  }
}

/** Why a call or a stream ends whose server asks without end. */
export function askedTooMuch(serverId: string): Denial {
  return { rule: 'upstream_unavailable', message: `${serverId} asks for more than is answered in one call.` }
}

/** What is wrong with a server that asks for more than is answered at once. */
export const asksTooMuch = `it asks for more than ${asksAtOnceMax} things at once`

/** Why a call ends when its agent was asked for something and did not answer in time. */
export function unanswered(method: string, ms: number): Denial {
  return { rule: 'answer_deadline', message: `${method} was not answered within ${ms} ms.` }
}

/** Why a call ends whose server asks for what no agent is asked. How the server calls it is not said: it may be any text. */
export function asksOther(serverId: string): Denial {
  return { rule: 'method_not_brokered', message: `${serverId} asks for something that no agent is asked for.` }
}

/** Why an agent without an event stream is asked nothing. */
export function takesNone(serverId: string): Denial {
  const message = `${serverId} asks for something, and the agent accepts no event stream to be asked over.`
  return { rule: 'method_not_brokered', message }
}

/** Why the stream at the server could not be opened now; null when that is none of the server's. */
export function unopened(serverId: string, error: unknown): Denial | null {
  if (error instanceof CallEnded) return error.denial
  if (!(error instanceof UpstreamFailure)) return null
  const rule = error instanceof CredentialFailure ? error.rule : 'upstream_unavailable'
  return { rule, message: `The server ${serverId} opens no stream now: ${error.message}.` }
}

/** Why the stream of a session or the rest of one is not given, by the status that the server answers. */
export function notGiven(serverId: string, status: number): Denial {
  const why = status === 409 ? 'one of the session is still open there' : `it answers ${status}`
  return { rule: 'upstream_unavailable', message: `The server ${serverId} does not give this stream: ${why}.` }
}
