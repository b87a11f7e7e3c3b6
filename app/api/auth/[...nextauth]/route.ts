import { authRoute } from '#lib/web/auth-route.ts'

export const GET = authRoute
export const POST = authRoute
