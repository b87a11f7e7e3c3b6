import { routes } from '#lib/api/routes.ts'
import { setServerGuards } from '#lib/guardrails/commands.ts'
import { getServerGuards } from '#lib/guardrails/queries/server-guards.ts'
import { limitsOfBrokers } from '#lib/guardrails/rules/request-limits.ts'
import { portal } from '#lib/web/db.ts'
import { serve } from '#app/api/v1/serve.ts'

export const GET = serve(routes.servers.showGuards, (ctx, { params }) => getServerGuards(ctx, params.id))
export const PATCH = serve(routes.servers.setGuards, (ctx, { params, body }) =>
  setServerGuards(ctx, { serverId: params.id, ...body }, limitsOfBrokers(portal().config.brokerLimits)),
)
