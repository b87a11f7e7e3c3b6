import { z } from 'zod'
import { issueAgentCredential, revokeAgentCredentials } from '#lib/auth/commands/agent-tokens.ts'
import { issueCredentialInput, revokeCredentialsInput } from '#lib/auth/schema.ts'
import { apiRoute } from '#lib/web/route.ts'

const params = z.strictObject({ id: z.string().max(100) })

/**
 * `POST /api/v1/agents/{id}/credentials`: a credential for the token endpoint, `{ clientId, clientSecret }` with 201; the secret is told this
 * once, and is null when `publicJwk` was given. Needs `agents:update` and membership of the owner team; 404, 409 for a retired agent.
 */
export const POST = apiRoute({ params, body: issueCredentialInput, status: 201 }, async (ctx, { params, body }) =>
  issueAgentCredential(ctx, { agentId: params.id, ...(body.publicJwk ? { publicJwk: body.publicJwk } : {}) }),
)

/** `DELETE /api/v1/agents/{id}/credentials?clientId=`: revokes one credential, or all of them: `{ revoked: clientId[] }`. */
export const DELETE = apiRoute({ params, query: revokeCredentialsInput }, async (ctx, { params, query }) =>
  revokeAgentCredentials(ctx, { agentId: params.id, ...(query.clientId ? { clientId: query.clientId } : {}) }),
)
