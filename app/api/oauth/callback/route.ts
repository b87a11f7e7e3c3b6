import { upstreamCallback } from '#lib/web/upstream-callback.ts'

export const GET = upstreamCallback
