import { z } from 'zod'
import { slug } from '#lib/core/slug.ts'
import { authorizationServer, scopeText } from '#lib/registry/schema/credentials.ts'

const line = z
  .string()
  .trim()
  .max(8000, 'Use at most 8000 characters.')
  .regex(/^[\x20-\x7E]*$/, 'Use one line of printable ASCII.')

/** A person goes to authorize. Without a client id the portal registers itself at the authorization server, in the way that one offers. */
export const beginAuthorizationInput = z
  .strictObject({
    serverId: z.string(),
    /** null: for every agent whose team has no credential of its own. */
    teamId: slug.nullable().default(null),
    clientId: line.max(500).optional(),
    clientSecret: line.optional(),
    /** The authorization server that the client is known to. */
    issuer: authorizationServer.optional(),
    scope: scopeText.optional(),
    reason: z.string().trim().max(500, 'Use at most 500 characters.').optional(),
  })
  .refine((input) => !input.clientSecret || input.clientId, {
    path: ['clientId'],
    error: 'A client secret needs its client id.',
  })
  .refine((input) => !input.clientSecret || input.issuer, {
    path: ['issuer'],
    error: 'Name the authorization server that may get the client secret: the MCP server is not to choose it.',
  })
export type BeginAuthorizationInput = z.output<typeof beginAuthorizationInput>

/** What the authorization server sends the browser back with. */
export const authorizationAnswer = z.object({
  state: z.string().min(20).max(200),
  code: z.string().min(1).max(4000).optional(),
  iss: z.string().max(2000).optional(),
  error: z.string().max(200).optional(),
})
export type AuthorizationAnswer = z.output<typeof authorizationAnswer>
