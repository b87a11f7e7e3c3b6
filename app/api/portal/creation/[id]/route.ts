import { z } from 'zod'
import { getCreationLog } from '#lib/registry/queries.ts'
import { apiRoute } from '#lib/web/route.ts'

/** `GET /api/portal/creation/{id}`: the creation log of an agent (CreationLog), for the page that shows it live. Needs `agents:read`; 404. */
export const GET = apiRoute(
  { params: z.strictObject({ id: z.string().max(100) }) },
  async (ctx, { params }) => await getCreationLog(ctx, params.id),
)
