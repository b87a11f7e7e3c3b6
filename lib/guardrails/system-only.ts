import type { Ctx } from '#lib/auth/ctx.ts'
import { DomainError } from '#lib/core/errors.ts'

/** No person and no agent: what these do is done for what a person decides elsewhere. */
export function requireSystem(ctx: Ctx): void {
  if (ctx.actor.kind !== 'system') throw new DomainError('forbidden', 'Only processes of the platform do this.')
}
