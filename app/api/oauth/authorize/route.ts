import { refuseAuthorization } from '#lib/auth/commands/agent-token-endpoint.ts'
import { apiRoute } from '#lib/web/route.ts'
import { tokenIssuer } from '#lib/web/token-issuer.ts'

export const GET = apiRoute({ auth: 'none' }, async () => refuseAuthorization(tokenIssuer()))
