import { z } from 'zod'
import { answerRegistration } from '#lib/auth/commands/oauth-endpoints.ts'
import { apiRoute } from '#lib/web/route.ts'

const body = z.unknown()

export const POST = apiRoute({ auth: 'none', body, bodyBytesMax: 16_384 }, (ctx, input) =>
  answerRegistration(ctx, { headers: input.request.headers, body: input.body }),
)
