import { answerJwksRequest } from '#lib/auth/commands/agent-tokens.ts'
import { apiRoute } from '#lib/web/route.ts'

export const GET = apiRoute({ auth: 'none' }, (ctx) => answerJwksRequest(ctx))
