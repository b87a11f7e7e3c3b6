import { z } from 'zod'
import { answerTokenRequest } from '#lib/auth/commands/agent-token-endpoint.ts'
import { tokenIssuer } from '#lib/web/token-issuer.ts'
import { apiRoute } from '#lib/web/route.ts'

const body = z.string()

export const POST = apiRoute({ auth: 'none', textBody: true, body, bodyBytesMax: 16_384 }, (ctx, input) =>
  answerTokenRequest(ctx, { issuer: tokenIssuer(), headers: input.request.headers, body: input.body }),
)
