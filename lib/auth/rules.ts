import { isRole, type Role } from './permissions.ts'

/** The roles an identity provider's groups give; groups without a mapping and unknown role names give nothing. */
export function rolesFromGroups(
  groups: readonly string[],
  mapping: readonly { group: string; role: string }[],
): Role[] {
  const granted = mapping.filter(({ group }) => groups.includes(group)).map(({ role }) => role)
  return [...new Set(granted.filter(isRole))].toSorted()
}

/** A token's state at a moment; only an active one authenticates. */
export function tokenState(
  token: { expiresAt: Date; revokedAt: Date | null },
  now: Date,
): 'active' | 'expired' | 'revoked' {
  if (token.revokedAt) return 'revoked'
  return token.expiresAt <= now ? 'expired' : 'active'
}
