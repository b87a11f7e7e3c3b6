import { z } from 'zod'
import type { AccessTokenView, AgentCredentialView, AppConnectionView, SigningKeyView } from '#lib/auth/schema.ts'
import type { KeysView } from '#lib/keys/schema.ts'
import type { PersonRow, TeamRow } from '#lib/registry/schema.ts'
import { answerOf, count, reference, text, time } from './words.ts'

/** What JSON makes of a view with dates. */
type Dated<T> = { [Key in keyof T]: T[Key] extends Date ? string : T[Key] extends Date | null ? string | null : T[Key] }

/** Who one is to the API. `tokenId`: the token that was sent; its permissions limit those of the roles. */
export const profile = z
  .strictObject({
    id: text,
    name: text,
    email: text,
    roles: z.array(text),
    teamIds: z.array(text),
    permissions: z.array(text),
    tokenId: text.nullable(),
  })
  .meta({ id: 'Me' })
export type Me = z.output<typeof profile>

/** A token as its owner sees it, with times as JSON has them. */
export type TokenView = Dated<AccessTokenView>
export const token = answerOf<TokenView>()(
  z.strictObject({
    id: text,
    name: text,
    prefix: text,
    permissions: z.array(text),
    createdAt: time,
    expiresAt: time,
    lastUsedAt: time.nullable(),
    state: z.enum(['active', 'expired', 'revoked']),
  }),
).meta({ id: 'Token' })

/** A connected app as its person sees it, with times as JSON has them. */
export type AppView = Dated<AppConnectionView>
export const app = answerOf<AppView>()(
  z.strictObject({
    id: text,
    name: text,
    host: text.nullable(),
    permissions: z.array(text),
    createdAt: time,
    expiresAt: time,
    lastUsedAt: time.nullable(),
    state: z.enum(['active', 'expired', 'revoked']),
  }),
).meta({ id: 'ConnectedApp' })

export const agentCredential = answerOf<Dated<AgentCredentialView>>()(
  z.strictObject({
    clientId: text,
    kind: z.enum(['secret', 'key']),
    createdAt: time,
    lastUsedAt: time.nullable(),
    revokedAt: time.nullable(),
  }),
).meta({ id: 'AgentCredential' })

/** A key with times as JSON has them. */
export type KeyView = Dated<SigningKeyView>
export const signingKey = answerOf<KeyView>()(
  z.strictObject({
    kid: text,
    state: z.enum(['waiting', 'signing', 'verifying', 'ended', 'withdrawn']),
    algorithm: text,
    createdAt: time,
    retiredAt: time.nullable(),
    lastUsedAt: time.nullable(),
  }),
).meta({ id: 'SigningKey' })

export const sealingKeys = answerOf<KeysView>()(
  z.strictObject({
    current: z.strictObject({ id: text, since: time.nullable(), madeCurrentBy: text.nullable() }),
    configured: z.array(text),
    sealed: z.array(z.strictObject({ keyId: text, count })),
    rewrap: z.strictObject({ rewrapped: count, finishedAt: time.nullable(), lastError: text.nullable() }).nullable(),
  }),
).meta({ id: 'SealingKeys' })

export const team = answerOf<TeamRow>()(
  z.strictObject({
    id: text,
    name: text,
    costCenter: text.nullable(),
    members: count,
    leads: z.array(reference),
    agents: count,
    demo: z.boolean(),
  }),
).meta({ id: 'Team' })

export const personRow = answerOf<PersonRow>()(
  z.strictObject({
    id: text,
    name: text,
    email: text,
    active: z.boolean(),
    roles: z.array(text),
    teamIds: z.array(text),
    demo: z.boolean(),
  }),
).meta({ id: 'Person' })
