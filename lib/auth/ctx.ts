import { DomainError, invariant } from '#lib/core/errors.ts'
import type { Db, Tx } from '#lib/db/client.ts'
import { letLast } from '#lib/db/lasting.ts'
import { flushAudit, openAudit } from '#lib/audit/buffer.ts'
import { type Permission, rolesWith, roleLabel } from './permissions.ts'

/** Who acts. Agents never hold user permissions; `system` is one of our own processes doing what was decided before. */
export type Actor =
  | {
      kind: 'person'
      id: string
      name: string
      email: string
      roles: readonly string[]
      teamIds: readonly string[]
      permissions: ReadonlySet<Permission>
      /** Set when the call came with a personal access token instead of a browser session. */
      tokenId?: string
      /** Set when a connected app asks for them. */
      connectionId?: string
    }
  | { kind: 'agent'; id: string; name: string }
  | { kind: 'system'; id: string; name: string }
  | { kind: 'anonymous'; id: 'anonymous'; name: 'anonymous' }

/** What every command and query gets first: time and identity are never ambient. */
export type Ctx = {
  db: Db
  /** Present while inside `inTx`; a command called with it joins that transaction. */
  tx?: Tx
  actor: Actor
  now: Date
  requestId?: string
  /** What must hold for anything to be written: asked at the beginning of the transaction, where it also locks what it looked at. */
  precondition?: (tx: Tx) => Promise<void>
}

export const anonymous: Actor = { kind: 'anonymous', id: 'anonymous', name: 'anonymous' }

/** One of our processes as an actor, e.g. `systemActor('worker')`. */
export function systemActor(process: string): Actor {
  return { kind: 'system', id: process, name: process }
}

/** Whether the actor may; the page uses it to disable with a reason, the command calls `authorize`. */
export function can(actor: Actor, permission: Permission): boolean {
  if (actor.kind === 'system') return true
  return actor.kind === 'person' && actor.permissions.has(permission)
}

/** Throws `unauthenticated` or `forbidden`, naming the permission and the roles that have it. Unknown is denied. */
export function authorize(ctx: Ctx, permission: Permission): void {
  if (can(ctx.actor, permission)) return
  if (ctx.actor.kind === 'anonymous') throw new DomainError('unauthenticated', 'Sign in first.')
  const who = rolesWith(permission).map(roleLabel).join(', ')
  throw new DomainError('forbidden', `This needs the permission ${permission}. It comes with: ${who}.`, {
    rule: `permission:${permission}`,
    permission,
  })
}

/** The person acting; throws `unauthenticated` for anyone else. */
export function requirePerson(ctx: Ctx): Extract<Actor, { kind: 'person' }> {
  if (ctx.actor.kind !== 'person') throw new DomainError('unauthenticated', 'Sign in first.')
  return ctx.actor
}

/**
 * Runs the work in one transaction, or joins the one that is open. What `recordAudit` was told is appended as the last statement
 * before the commit: state and audit commit together or not at all, and the audit sequence is locked only for that moment. A
 * transaction of its own may last `timeoutMs` (the client's 30 s if left out), then it is undone.
 */
export function inTx<T>(
  ctx: Ctx,
  work: (tx: Tx, ctx: Ctx & { tx: Tx }) => Promise<T>,
  options: { timeoutMs?: number } = {},
): Promise<T> {
  if (ctx.tx) return work(ctx.tx, { ...ctx, tx: ctx.tx })
  invariant(ctx.db, 'a context has a database')
  const { timeoutMs } = options
  return ctx.db.$transaction(
    async (tx) => {
      if (timeoutMs !== undefined) await letLast(tx, timeoutMs)
      openAudit(tx)
      await ctx.precondition?.(tx)
      const outcome = await work(tx, { ...ctx, tx })
      await flushAudit(tx)
      return outcome
    },
    timeoutMs === undefined ? {} : { timeout: timeoutMs },
  )
}

/** The client to read with: the open transaction if there is one. */
export function reader(ctx: Ctx): Tx {
  return ctx.tx ?? ctx.db
}
