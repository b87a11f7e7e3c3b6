import { createHash } from 'node:crypto'
import type { Ctx } from '#lib/auth/ctx.ts'
import { DomainError, invariant } from '#lib/core/errors.ts'
import type { Tx } from '#lib/db/client.ts'

/** Reads what changes whenever a thing is written; null: there is no such thing. `lock` holds it until the transaction ends. */
type RevisionReader = (tx: Tx, id: string, lock: boolean) => Promise<string | null>

/** One thing that can be read and written. */
export type Revisable = { read: RevisionReader; id: string }

/**
 * If-Match of a write (RFC 9110, 13.1.1). An entity tag is `"<revision>.<representation>"`: a write goes ahead while what people write is as it
 * was read; figures that are measured meanwhile do not stop it. `hold` is the context's precondition, so nothing can come between check and write.
 */
export function ifMatch(request: Request, target: Revisable | null) {
  const header = request.headers.get('if-match')
  if (header === null) return null
  if (!target) {
    throw new DomainError('invalid', 'There is no version to compare here: leave If-Match out.', { field: 'If-Match' })
  }
  const tags = entityTags(header)
  if (!tags) {
    throw new DomainError('invalid', 'Send entity tags as they were in ETag, with their quotes.', { field: 'If-Match' })
  }
  const fits = (revision: string) =>
    tags === '*' || tags.some((tag) => !tag.weak && tag.opaque.split('.')[0] === revision)
  return preconditionOf(target, fits)
}

/** The same for a page that was shown with this revision: what has been written since makes the context's write fail with 'precondition_failed'. */
export function unchangedSince<C extends Ctx>(ctx: C, target: Revisable, revision: string): C {
  return alsoHolding(ctx, preconditionOf(target, (now) => now === revision).hold)
}

/** The context with one more precondition. */
export function alsoHolding<C extends Ctx>(ctx: C, hold: (tx: Tx) => Promise<void>): C {
  const before = ctx.precondition
  if (!before) return { ...ctx, precondition: hold }
  return {
    ...ctx,
    async precondition(tx: Tx) {
      await before(tx)
      await hold(tx)
    },
  }
}

function preconditionOf(target: Revisable, fits: (revision: string) => boolean) {
  let held = false
  return {
    async hold(tx: Tx): Promise<void> {
      // Asked once: what the same command writes afterwards is no change by somebody else.
      if (held) return
      held = true
      const revision = await target.read(tx, target.id, true)
      // What does not exist is told by the command.
      if (revision === null || fits(revision)) return
      throw new DomainError(
        'precondition_failed',
        'Someone else changed this in the meantime, and nothing was written. Look at it again, then decide anew.',
        { rule: 'api:if_match' },
      )
    },
    /** A write that never asked has gone ahead unchecked, which is a mistake of ours. */
    assertHeld: () => invariant(held, 'a precondition was asked'),
  }
}

/** Gives the answer of a read its entity tag; 304 without a body when If-None-Match names it (RFC 9110, 13.1.2). */
export function tagged(request: Request, body: string, revision: string | null): { etag: string; unchanged: boolean } {
  const digest = createHash('sha256').update(body).digest('hex').slice(0, 24)
  const opaque = revision === null ? digest : `${revision}.${digest}`
  const header = request.headers.get('if-none-match')
  const tags = (header !== null && entityTags(header)) || []
  return { etag: `"${opaque}"`, unchanged: tags === '*' || tags.some((tag) => tag.opaque === opaque) }
}

const entityTag = /^(W\/)?"([\x21\x23-\x7e\x80-\xff]*)"$/

/** The tags of a header; null: it is none. */
function entityTags(header: string): '*' | { weak: boolean; opaque: string }[] | null {
  if (header.trim() === '*') return '*'
  const found = header.split(/,(?=\s*(?:W\/)?")/).map((part) => entityTag.exec(part.trim()))
  if (found.some((match) => match === null)) return null
  return found.flatMap((match) => (match ? [{ weak: match[1] !== undefined, opaque: match[2]! }] : []))
}
