import type { IncomingMessage } from 'node:http'
import type { Socket } from 'node:net'
import type { AccessToken } from '#lib/auth/rules/access-token.ts'
import { verifyDpopProof } from '#lib/auth/rules/dpop.ts'
import { err, ok, type Result } from '#lib/core/result.ts'
import type { Caller } from '#lib/guardrails/rules/facts.ts'
import type { Denial, RuleId } from '#lib/guardrails/schema.ts'
import type { RateLimits } from '../rate-limits.ts'
import type { SeenProofs } from './proofs.ts'
import type { TokenVerifier, VerifiedToken } from './tokens.ts'

export type Authentication = {
  tokens: TokenVerifier
  proofs: SeenProofs
  /** How often an agent's proofs are looked up in the database. */
  proofRates: RateLimits
  /** Reads the registry again; for a token whose key is not known yet. */
  refresh: () => Promise<void>
  now: () => Date
}

/** How a token was presented; the challenge answers in the same scheme. */
export type Scheme = 'Bearer' | 'DPoP'

/** `caller` is who the token was issued to, when it is a token of this platform that only does not count here. */
export type Unauthenticated = { denial: Denial; caller: Caller | null }

/** Who calls, by the token of the request: as a bearer (RFC 6750), or with a proof that its key is held (RFC 9449). */
export async function authenticate(
  parts: Authentication,
  request: IncomingMessage,
  resource: string,
): Promise<Result<Caller, Unauthenticated>> {
  const { tokens, now } = parts
  const given = presentedToken(request)
  if (!given.ok) return err({ denial: given.error, caller: null })
  const { scheme, token } = given.value
  let verified = await tokens.verify(token, now())
  if (!verified.ok && tokens.isKeyUnknown(token)) {
    await parts.refresh()
    verified = await tokens.verify(token, now())
  }
  if (!verified.ok) {
    const { denial, holder } = verified.error
    return err({ denial, caller: holder && callerOf(holder) })
  }
  const caller = callerOf(verified.value)
  const presented = { scheme, token, resource, verified: verified.value }
  const denial = tokens.refuse(verified.value, resource) ?? (await refuseBinding(parts, request, presented))
  return denial ? err({ denial, caller }) : ok(caller)
}

function callerOf({ agentId, version, runId, revocableAs, credential, drivenBy }: VerifiedToken): Caller {
  return { agentId, version, runId, revocableAs, credential, ...(drivenBy ? { drivenBy } : {}) }
}

export function schemeOf({ headers }: IncomingMessage): Scheme {
  return schemeIn(headers.authorization ?? '')
}

function schemeIn(authorization: string): Scheme {
  return /^DPoP /i.test(authorization) ? 'DPoP' : 'Bearer'
}

type Presented = Result<{ scheme: Scheme; token: string }, Denial>

/** What was presented last over each connection: mostly the same again, and then it need not be read again, nor hashed to be looked up. */
const presentedOver = new WeakMap<Socket, { authorization: string; presented: Presented }>()

function presentedToken({ headers, socket }: IncomingMessage): Presented {
  const { authorization = '' } = headers
  const last = presentedOver.get(socket)
  if (last?.authorization === authorization) return last.presented
  const presented = readToken(authorization)
  presentedOver.set(socket, { authorization, presented })
  return presented
}

function readToken(authorization: string): Presented {
  if (!/^(?:Bearer|DPoP)(?: |$)/i.test(authorization)) return denied('token_missing', 'No access token was sent.')
  const token = /^\w+ +([\w~+/.-]{1,4096}=*) *$/.exec(authorization)?.[1]
  return token ? ok({ scheme: schemeIn(authorization), token }) : denied('token_invalid', 'The token is malformed.')
}

/** A bound token counts with the proof of its key only, and a proof with a bound token only. */
async function refuseBinding(
  { proofs, proofRates, now }: Authentication,
  request: IncomingMessage,
  given: { scheme: Scheme; token: string; resource: string; verified: AccessToken },
): Promise<Denial | null> {
  const { scheme, token, resource, verified } = given
  if (scheme === 'Bearer') {
    if (verified.jkt === null) return null
    return {
      rule: 'token_binding',
      message: 'The token is bound to a key: present it with the scheme DPoP and a proof.',
    }
  }
  if (verified.jkt === null) {
    return { rule: 'token_binding', message: 'The token is not bound to a key: present it with the scheme Bearer.' }
  }
  const proof = request.headers['dpop']
  if (typeof proof !== 'string') return { rule: 'dpop_proof_invalid', message: 'The DPoP header is missing.' }
  const options = { proof, method: request.method ?? 'GET', url: resource, accessToken: token, now: now() }
  const proven = await verifyDpopProof(options)
  if (!proven.ok) return proven.error
  if (proven.value.jkt !== verified.jkt) {
    return { rule: 'token_binding', message: 'The proof is of another key than the one the token is bound to.' }
  }
  const tooOften = proofRates.takeForAgent(verified.agentId)
  if (tooOften) return { ...tooOften, message: 'Too many requests with proofs came in a short time.' }
  return taken[await proofs.take(proven.value, now())]
}

const taken: Record<Awaited<ReturnType<SeenProofs['take']>>, Denial | null> = {
  new: null,
  replayed: { rule: 'dpop_proof_replayed', message: 'The DPoP proof is refused. It was used before.' },
  unread: { rule: 'dpop_proof_unread', message: 'Whether the DPoP proof was used before cannot be read now.' },
}

function denied(rule: RuleId, message: string): Result<never, Denial> {
  return err({ rule, message })
}
