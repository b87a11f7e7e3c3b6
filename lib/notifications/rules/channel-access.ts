import { authorize, type Ctx } from '#lib/auth/ctx.ts'
import { DomainError } from '#lib/core/errors.ts'
import { authorizeForTeam } from '#lib/registry/rules.ts'

type Owned = { personId: string | null; team: { id: string; name: string } | null }

/** Throws `not_found` for somebody else’s own channel, `forbidden` for another team’s or, without a role that reaches every team, the organization’s. */
export function authorizeForChannel(ctx: Ctx, { personId, team }: Owned): void {
  if (personId !== null) {
    if (personId !== ctx.actor.id) throw channelNotFound()
    return
  }
  if (team) authorizeForTeam(ctx, 'channels:manage', team)
  else authorizeForEveryTeam(ctx)
}

/** What is the organization’s is of whoever reaches every team. */
export function authorizeForEveryTeam(ctx: Ctx): void {
  authorize(ctx, 'channels:manage')
  authorize(ctx, 'agents:any_team')
}

export function channelNotFound(): DomainError {
  return new DomainError('not_found', 'There is no such channel.')
}
