import { z } from 'zod'
import { answerRevocationRequest } from '#lib/auth/commands/agent-token-revocation.ts'
import { tokenIssuer } from '#lib/web/token-issuer.ts'
import { apiRoute } from '#lib/web/route.ts'

const body = z.string()

export const POST = apiRoute({ auth: 'none', textBody: true, body, bodyBytesMax: 16_384 }, (ctx, input) =>
  answerRevocationRequest(ctx, { issuer: tokenIssuer(), headers: input.request.headers, body: input.body }),
)
