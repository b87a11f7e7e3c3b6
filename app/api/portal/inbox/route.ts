import { listInbox } from '#lib/notifications/queries.ts'
import { apiRoute } from '#lib/web/route.ts'

/** The newest, and how many are unread: for the bell of every page that is open. */
export const GET = apiRoute({}, (ctx) => listInbox(ctx, { limit: 6 }))
