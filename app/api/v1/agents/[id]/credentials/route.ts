import { pageOf } from '#lib/api/paging.ts'
import { routes } from '#lib/api/routes.ts'
import { issueAgentCredential, revokeAgentCredentials } from '#lib/auth/commands/agent-tokens.ts'
import { listAgentCredentials } from '#lib/auth/queries.ts'
import { serve } from '#app/api/v1/serve.ts'

export const POST = serve(routes.agents.issueCredential, (ctx, { params, body }) =>
  issueAgentCredential(ctx, { agentId: params.id, ...(body.publicJwk ? { publicJwk: body.publicJwk } : {}) }),
)
export const DELETE = serve(routes.agents.revokeCredentials, (ctx, { params, query }) =>
  revokeAgentCredentials(ctx, { agentId: params.id, ...(query.clientId ? { clientId: query.clientId } : {}) }),
)
export const GET = serve(routes.agents.listCredentials, async (ctx, { params, query }) => {
  const credentials = (await listAgentCredentials(ctx, params.id)).map((credential) => ({
    ...credential,
    createdAt: credential.createdAt.toISOString(),
    lastUsedAt: credential.lastUsedAt?.toISOString() ?? null,
    revokedAt: credential.revokedAt?.toISOString() ?? null,
  }))
  return pageOf(credentials, query, ({ clientId }) => clientId)
})
