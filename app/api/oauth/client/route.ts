import { apiRoute } from '#lib/web/route.ts'
import { clientDocument } from '#lib/web/upstream-client.ts'

export const GET = apiRoute({ auth: 'none' }, async () => clientDocument())
