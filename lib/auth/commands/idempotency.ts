import type { Ctx } from '#lib/auth/ctx.ts'
import { DomainError } from '#lib/core/errors.ts'
import type { Db, Tx } from '#lib/db/client.ts'

/** So long a repeated request gets the answer of the first. */
const keptMs = 24 * 60 * 60_000
/** An execution that has been silent for so long has died: no request of the portal takes longer. */
const executionMsMax = 2 * 60_000

export type IdempotentRequest = { caller: string; key: string; fingerprint: string }
export type IdempotentAnswer = { status: number; contentType: string | null; body: string; withheld: boolean }
/** This execution among those of one key; another one has taken over when it is no longer the last. */
export type Claim = IdempotentRequest & { attempt: number }

/**
 * Begins a request under its key: either it is the first (`claim`), or it was answered before. Throws 'invalid' when the key was used for
 * another request, and 'conflict' while the first runs or when it has written something and its answer is lost. One that died before it wrote
 * anything is executed anew.
 */
export async function beginIdempotent(
  ctx: Ctx,
  request: IdempotentRequest,
): Promise<{ claim: Claim } | { answer: IdempotentAnswer }> {
  const { caller, key, fingerprint } = request
  const expiresAt = new Date(ctx.now.getTime() + keptMs)
  const deadSince = new Date(ctx.now.getTime() - executionMsMax)
  // One statement, so of two at once one is first. It waits while an execution is about to commit, and then finds what it left.
  const [claimed] = await ctx.db.$queryRaw<{ attempt: number }[]>`
    insert into "IdempotentRequest" as r ("caller", "key", "fingerprint", "state", "startedAt", "expiresAt")
    values (${caller}, ${key}, ${fingerprint}, 'running', ${ctx.now}, ${expiresAt})
    on conflict ("caller", "key") do update set "fingerprint" = excluded."fingerprint", "state" = 'running', "attempt" = r."attempt" + 1,
      "status" = null, "contentType" = null, "body" = null, "withheld" = false, "startedAt" = excluded."startedAt", "expiresAt" = excluded."expiresAt"
    where r."expiresAt" <= ${ctx.now}
      or (r."state" = 'running' and r."startedAt" < ${deadSince} and r."fingerprint" = excluded."fingerprint")
    returning "attempt"`
  if (claimed) return { claim: { ...request, attempt: claimed.attempt } }
  const known = await ctx.db.idempotentRequest.findUnique({ where: { caller_key: { caller, key } } })
  // Forgotten in between, because it was refused without having written anything.
  if (!known) throw stillRunning()
  if (known.fingerprint !== fingerprint) {
    throw new DomainError('invalid', 'This key was used for another request. Use a new key for a new request.', {
      field: 'Idempotency-Key',
      rule: 'idempotency:other_request',
    })
  }
  if (known.state === 'answered') {
    const { status, contentType, body, withheld } = known
    return { answer: { status: status ?? 204, contentType, body: body ?? '', withheld } }
  }
  if (known.startedAt >= deadSince) throw stillRunning()
  throw new DomainError(
    'conflict',
    'It was done, and its answer was lost. Look at what it did; do not send it again.',
    {
      rule: 'idempotency:answer_lost',
      startedAt: known.startedAt.toISOString(),
    },
  )
}

/**
 * Notes in the transaction of the command that something is written under the key: committed with it or not at all. Throws 'conflict' when
 * another execution has taken over, so that nothing is written twice.
 */
export async function writeUnderClaim(tx: Tx, { caller, key, attempt }: Claim): Promise<void> {
  const { count } = await tx.idempotentRequest.updateMany({
    where: { caller, key, attempt, state: { not: 'answered' } },
    data: { state: 'committed' },
  })
  if (count === 1) return
  throw new DomainError('conflict', 'The same request was sent again and is executed by another process.', {
    rule: 'idempotency:taken_over',
  })
}

/** Keeps the answer for whoever asks again under the key. */
export async function keepAnswer(db: Db, { caller, key, attempt }: Claim, answer: IdempotentAnswer): Promise<void> {
  await db.idempotentRequest.updateMany({ where: { caller, key, attempt }, data: { ...answer, state: 'answered' } })
}

/** Forgets a request that was refused and has written nothing, so that it may be sent again; says whether it could. */
export async function forgetUnwritten(db: Db, { caller, key, attempt }: Claim): Promise<boolean> {
  const { count } = await db.idempotentRequest.deleteMany({ where: { caller, key, attempt, state: 'running' } })
  return count === 1
}

/** Deletes requests whose day is over; returns how many. The worker calls it every hour. */
export async function forgetIdempotentRequests(db: Db, now: Date): Promise<number> {
  const { count } = await db.idempotentRequest.deleteMany({ where: { expiresAt: { lt: now } } })
  return count
}

function stillRunning(): DomainError {
  return new DomainError('conflict', 'The first request with this key is still running. Ask again in a moment.', {
    rule: 'idempotency:running',
    retryAfterSeconds: 1,
  })
}
