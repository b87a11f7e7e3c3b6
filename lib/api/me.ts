import { type Ctx, requirePerson } from '#lib/auth/ctx.ts'
import type { Me } from './answers/account.ts'

/** Who the caller is, as read for this request. Throws `unauthenticated` for anyone but a person. */
export function whoIs(ctx: Ctx): Me {
  const { id, name, email, roles, teamIds, permissions, tokenId } = requirePerson(ctx)
  return {
    id,
    name,
    email,
    roles: [...roles],
    teamIds: [...teamIds],
    permissions: [...permissions].toSorted(),
    tokenId: tokenId ?? null,
  }
}
