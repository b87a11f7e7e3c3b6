import { z } from 'zod'
import { answerRevocationEndpoint } from '#lib/auth/commands/oauth-endpoints.ts'
import { appServer } from '#lib/web/app-server.ts'
import { apiRoute } from '#lib/web/route.ts'
import { tokenIssuer } from '#lib/web/token-issuer.ts'

const body = z.string()

export const POST = apiRoute({ auth: 'none', textBody: true, body, bodyBytesMax: 16_384 }, (ctx, input) =>
  answerRevocationEndpoint(ctx, {
    issuer: tokenIssuer(),
    apps: appServer(),
    headers: input.request.headers,
    body: input.body,
  }),
)
