import { z } from 'zod'

/** A personal access token to be made: what it may do at most, and for how long. */
export const createAccessTokenInput = z.strictObject({
  name: z.string().trim().min(1, 'Give it a name, so that you recognize it later.').max(100),
  permissions: z.array(z.string().max(100)).min(1, 'Choose at least one permission.').max(100),
  days: z.coerce.number().int().min(1).max(365),
})
export type CreateAccessTokenInput = z.infer<typeof createAccessTokenInput>

export const revokeAccessTokenInput = z.strictObject({ tokenId: z.uuid() })
export type RevokeAccessTokenInput = z.infer<typeof revokeAccessTokenInput>

/** A token as its owner sees it; the token itself is shown once, when it is made. Times are in UTC. */
export type AccessTokenView = {
  id: string
  name: string
  prefix: string
  permissions: string[]
  createdAt: Date
  expiresAt: Date
  lastUsedAt: Date | null
  state: 'active' | 'expired' | 'revoked'
}

/** What an identity provider says about who signed in; the issuer and subject identify the person for good. */
export const oidcIdentity = z.object({
  issuer: z.url(),
  subject: z.string().min(1).max(255),
  email: z.email().max(320),
  emailVerified: z.boolean(),
  name: z.string().trim().min(1).max(200),
  groups: z.array(z.string().max(500)).max(5000),
})
export type OidcIdentity = z.infer<typeof oidcIdentity>

export const signInRefusals = [
  'deactivated',
  'no_groups',
  'email_not_verified',
  'email_taken',
  'unknown_persona',
  'personas_off',
] as const
/** Why somebody was not let in. */
export type SignInRefusal = { reason: (typeof signInRefusals)[number]; message: string }

export type SignedIn = { sessionId: string; personId: string }

/** A credential for an agent that runs outside of the harness; with a public JWK (RFC 7517) it authenticates by private_key_jwt. */
export const issueCredentialInput = z.strictObject({ publicJwk: z.looseObject({ kty: z.string().max(20) }).optional() })

/** A credential of an agent, without what authenticates it. Times are in UTC. */
export type AgentCredentialView = {
  clientId: string
  /** What it authenticates with: a secret it was given once, or its own key (private_key_jwt). */
  kind: 'secret' | 'key'
  createdAt: Date
  lastUsedAt: Date | null
  revokedAt: Date | null
}

export const revokeCredentialsInput = z.strictObject({ clientId: z.string().max(100).optional() })

export const rotateSigningKeyInput = z.strictObject({
  reason: z.string().trim().min(1, 'Say why.').max(500),
  /** The key may be in other hands: its tokens end now. */
  withdraw: z.boolean().default(false),
})

/** A key of agent tokens: it waits until everybody has seen it, signs, then only verifies what it signed. `withdrawn`: it verifies nothing. */
export type SigningKeyView = {
  kid: string
  state: 'waiting' | 'signing' | 'verifying' | 'ended' | 'withdrawn'
  /** What it signs with, as its public half says (RFC 7518). */
  algorithm: string
  createdAt: Date
  retiredAt: Date | null
  /** The last token it signed, to the minute; null: none, or none since that is kept. */
  lastUsedAt: Date | null
}

/** What a person is asked before an app may read for them. */
export type AuthorizationReview = {
  client: {
    name: string
    /** The host whose document describes the app; null: it registered itself, and nobody vouches for its name. */
    host: string | null
  }
  /** Where the answer goes: a host, or null for a program on the person's own machine. */
  redirectHost: string | null
  /** What it may read, of what it asked for and the person may read themselves. */
  scopes: { permission: string; says: string }[]
}

export const decideAuthorizationInput = z.strictObject({
  params: z.record(z.string().max(100), z.string().max(2000)),
  allow: z.boolean(),
})

export const endConnectionInput = z.strictObject({ connectionId: z.uuid() })

/** An app that reads for a person, as that person sees it. Times are in UTC. */
export type AppConnectionView = {
  id: string
  name: string
  /** As in `AuthorizationReview`. */
  host: string | null
  permissions: string[]
  createdAt: Date
  expiresAt: Date
  lastUsedAt: Date | null
  state: 'active' | 'expired' | 'revoked'
}

/** Why somebody may not sign in any more. */
export type LeavingCause = 'admin' | 'groups' | 'unseen'

export const personMoveInput = z.strictObject({
  personId: z.uuid(),
  reason: z.string().trim().min(1, 'Say why: the audit log keeps it.').max(1000),
})
export type PersonMoveInput = z.infer<typeof personMoveInput>
export type PersonRefusal = { rule: string; message: string }
