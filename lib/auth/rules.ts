import { isRole, type Role } from './permissions.ts'

/** The roles an identity provider's groups give; groups without a mapping and unknown role names give nothing. */
export function rolesFromGroups(
  groups: readonly string[],
  mapping: readonly { group: string; role: string }[],
): Role[] {
  const granted = mapping.filter(({ group }) => groups.includes(group)).map(({ role }) => role)
  return [...new Set(granted.filter(isRole))].toSorted()
}

/**
 * Whether the provider has taken somebody out of every group with a role: the groups gave roles before, give none now, and nothing else
 * does. Who never had any simply has none.
 */
export function hasLeftGroups(
  roles: readonly { source: string }[],
  now: { granted: readonly string[]; mapped: boolean },
): boolean {
  if (!now.mapped || now.granted.length > 0) return false
  return roles.length > 0 && roles.every(({ source }) => source === 'oidc')
}

/** A token's state at a moment; only an active one authenticates. */
export function tokenState(
  token: { expiresAt: Date; revokedAt: Date | null },
  now: Date,
): 'active' | 'expired' | 'revoked' {
  if (token.revokedAt) return 'revoked'
  return token.expiresAt <= now ? 'expired' : 'active'
}

const refusalTexts: Record<string, string> = {
  no_groups: 'None of your groups has a role here any more. Ask whoever manages your groups, or a platform admin.',
  deactivated: 'Your account here is deactivated. Ask a platform admin.',
  email_not_verified: 'The identity provider has not verified your e-mail address.',
  email_taken: 'This e-mail address belongs to somebody else here. Ask a platform admin.',
  unknown_persona: 'There is no such demo persona. Is the demo data loaded?',
  personas_off: 'Demo personas are switched off here.',
}

/** A sign-in refusal in words, by its reason; anything unknown (an error of the provider's round trip) in general ones. */
export function signInRefusalText(reason: string): string {
  return refusalTexts[reason] ?? 'Signing in did not work. Try again; if it stays so, ask a platform admin.'
}
