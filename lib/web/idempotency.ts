import { createHash } from 'node:crypto'
import {
  beginIdempotent,
  type Claim,
  forgetUnwritten,
  type IdempotentAnswer,
  keepAnswer,
  writeUnderClaim,
} from '#lib/auth/commands/idempotency.ts'
import type { Ctx } from '#lib/auth/ctx.ts'
import { DomainError } from '#lib/core/errors.ts'
import type { Db } from '#lib/db/client.ts'
import type { Log } from '#lib/log/log.ts'
import { alsoHolding } from './conditional.ts'
import { toJson } from './problem.ts'
import { isRead } from './request-headers.ts'

type Means<C> = {
  ctx: C
  input: { params: unknown; query: unknown; body: unknown }
  /** Fields of the answer that are told once and never stored. */
  secret: readonly string[]
  log: Log
}

const answerBytesMax = 1_000_000

/**
 * Idempotency-Key of a write (draft-ietf-httpapi-idempotency-key-header): executed once, however often and at however many replicas it is
 * sent; a repeated one gets the first answer, marked `Idempotency-Replayed`. `respond` always answers and never throws.
 */
export async function onceOnly<C extends Ctx>(
  request: Request,
  { ctx, input, secret, log }: Means<C>,
  respond: (ctx: C) => Promise<Response>,
): Promise<Response> {
  const key = keyOf(request)
  if (key === null || isRead(request) || ctx.actor.kind !== 'person') return await respond(ctx)
  const begun = await beginIdempotent(ctx, { caller: callerOf(ctx), key, fingerprint: fingerprintOf(request, input) })
  if ('answer' in begun) return replay(begun.answer)
  const { claim } = begun
  const response = await respond(alsoHolding(ctx, (tx) => writeUnderClaim(tx, claim)))
  // The answer is right whether it can be kept or not; whoever asks again is then told that it was lost.
  await settle(ctx.db, { claim, response, secret }).catch((error: unknown) =>
    log.warn({ err: error }, 'an answer could not be kept for its idempotency key'),
  )
  return response
}

async function settle(
  db: Db,
  { claim, response, secret }: { claim: Claim; response: Response; secret: readonly string[] },
): Promise<void> {
  // Refused without anything written: it may be sent again when what stood in the way is gone.
  if (response.status >= 400 && (await forgetUnwritten(db, claim))) return
  // Something is written and how it ended is not known: that is no answer to repeat.
  if (response.status >= 500) return
  const body = await response.clone().text()
  if (body.length > answerBytesMax) return
  const told = response.status < 400 ? withoutSecrets(body, secret) : { body, withheld: false }
  await keepAnswer(db, claim, { status: response.status, contentType: response.headers.get('content-type'), ...told })
}

function withoutSecrets(body: string, secret: readonly string[]): { body: string; withheld: boolean } {
  if (secret.length === 0) return { body, withheld: false }
  const fields = Object.entries(JSON.parse(body) as Record<string, unknown>)
  const kept = fields.filter(([name]) => !secret.includes(name))
  return { body: JSON.stringify(Object.fromEntries(kept)), withheld: kept.length < fields.length }
}

function replay({ status, contentType, body, withheld }: IdempotentAnswer): Response {
  if (withheld) {
    throw new DomainError(
      'conflict',
      'It was done before, and its answer held a secret that is told once. Take back what it made and make another one.',
      { rule: 'idempotency:secret_told_once', made: JSON.parse(body) as unknown },
    )
  }
  return new Response(body === '' ? null : body, {
    status,
    headers: {
      'idempotency-replayed': 'true',
      'cache-control': 'no-store',
      ...(contentType ? { 'content-type': contentType } : {}),
    },
  })
}

/** A token's answers are for that token: another one of the same person may be allowed less. */
function callerOf({ actor }: Ctx): string {
  return actor.kind === 'person' && actor.tokenId ? `token:${actor.tokenId}` : `person:${actor.id}`
}

function fingerprintOf(request: Request, input: Means<Ctx>['input']): string {
  const { pathname } = new URL(request.url)
  const { params, query, body } = input
  const text = toJson([request.method, pathname, request.headers.get('if-match'), { params, query, body }])
  return createHash('sha256').update(text).digest('hex')
}

/** A string as RFC 9651 writes it, or the same without its quotes. */
const keyPattern = /^(?:"([\x20\x21\x23-\x5b\x5d-\x7e]{1,255})"|([\x21\x23-\x7e]{1,255}))$/

function keyOf(request: Request): string | null {
  const header = request.headers.get('idempotency-key')
  if (header === null) return null
  const found = keyPattern.exec(header.trim())
  const key = found?.[1] ?? found?.[2]
  if (key !== undefined) return key
  throw new DomainError('invalid', 'Use 1 to 255 printable ASCII characters, such as a UUID in quotes.', {
    field: 'Idempotency-Key',
  })
}
