import type { Ctx } from '#lib/auth/ctx.ts'
import { DomainError } from '#lib/core/errors.ts'
import type { Tx } from '#lib/db/client.ts'
import { lockAgent } from '#lib/registry/commands.ts'
import { grantDirectly, requestScope } from '#lib/scopes/commands.ts'
import { expiryOf } from '#lib/scopes/rules.ts'
import { partsOf } from '#lib/scopes/rules/named-tools.ts'
import type { PlannedScope } from './plan.ts'

/** Grants a scope that is pre-approved, asks for it otherwise. */
export async function obtainScope(
  ctx: Ctx & { tx: Tx },
  { agentId, scope }: { agentId: string; scope: PlannedScope },
): Promise<void> {
  const { serverId, class: toolClass, toolNames, reason, days, until, conditions, rate, ticket } = scope
  if (scope.preApproved) {
    const agent = await lockAgent(ctx.tx, agentId)
    const expiresAt = until ? new Date(until) : expiryOf(days, ctx.now)
    const limits = { ...(conditions ? { conditions } : {}), rate: rate ?? null }
    for (const toolName of partsOf(toolNames)) {
      const granted = { serverId, class: toolClass, toolName, reason, ...limits, expiresAt }
      await grantDirectly(ctx, { agent, scope: granted, via: 'template' })
    }
    return
  }
  const outcome = await requestScope(ctx, {
    agentId,
    serverId,
    class: toolClass,
    toolNames,
    reason,
    days,
    conditions,
    rate,
    ticket,
  })
  if (!outcome.ok) {
    throw new DomainError('conflict', outcome.error.message, { field: 'scopes', rule: outcome.error.rule })
  }
}

export function personOf(ctx: Ctx): string | null {
  return ctx.actor.kind === 'person' ? ctx.actor.id : null
}
