import type { Ctx } from '#lib/auth/ctx.ts'
import type { Tx } from '#lib/db/client.ts'
import { covers } from '#lib/registry/rules.ts'
import { revokeGrant } from '#lib/scopes/commands.ts'
import { heldGrants } from '#lib/scopes/queries.ts'
import { limitsOf } from '#lib/scopes/rules/limits.ts'
import { partsOf } from '#lib/scopes/rules/named-tools.ts'
import { getTemplate } from '#lib/templates/queries.ts'
import { obtainScope } from '../obtain-scope.ts'
import { type PlannedScope, planScopes } from '../plan.ts'
import type { ClassedWish } from '../schema.ts'
import type { Complaints } from './complaints.ts'
import { type ManifestScope, scopeKey } from './document.ts'
import { withNeededClasses } from './needed-classes.ts'

const dayMs = 86_400_000

/** Scopes of a manifest as wishes; a reason comes from the template's policy, or says where the wish is from. */
export function wishesOf(scopes: readonly ManifestScope[], now?: Date): ClassedWish[] {
  const unique = [...new Map(scopes.map((scope) => [scopeKey(scope), scope])).values()]
  return unique.map(({ serverId, class: toolClass, toolName, until, conditions, rate }) => ({
    serverId,
    class: toolClass,
    toolNames: toolName === null ? [] : [toolName],
    days: until && now ? Math.max(1, Math.ceil((Date.parse(until) - now.getTime()) / dayMs)) : null,
    ...(until ? { until } : {}),
    conditions: [...conditions],
    rate,
    reason: 'Asked for by its manifest.',
  }))
}

/**
 * Makes an agent hold what its manifest lists: what the template pre-approves is granted unless it was taken away before, the rest is asked
 * for, what is not listed is given up. A grant that a wider scope still waiting for approval would replace is kept until then.
 */
export async function applyScopes(
  ctx: Ctx & { tx: Tx },
  wanted: {
    agentId: string
    template: { id: string; version: string }
    scopes: ManifestScope[]
    complaints: Complaints
  },
): Promise<string[]> {
  const { agentId, complaints } = wanted
  const held = await withNeededClasses(ctx, await heldGrants(ctx, agentId))
  const scopes = await withNeededClasses(ctx, wanted.scopes)
  const heldKeys = new Set(held.map((grant) => scopeKey({ ...grant, until: grant.expiresAt })))
  const wantedKeys = new Set(scopes.map(scopeKey))
  const missing = scopes.filter((scope) => !heldKeys.has(scopeKey(scope)))
  const { tier } = await ctx.tx.agent.findUniqueOrThrow({ where: { id: agentId }, select: { tier: true } })
  // What the approval policy grants for a time only is not granted again while it is held.
  const heldAtAll = new Set(held.map((grant) => scopeKey({ ...grant, until: null })))
  const holdsForAWhile = (scope: PlannedScope, { toolNames, conditions = [], rate = null, ...wish }: ClassedWish) =>
    scope.days !== wish.days &&
    partsOf(toolNames).every((toolName) =>
      heldAtAll.has(scopeKey({ ...wish, toolName, conditions, rate, until: null })),
    )
  const changes: string[] = []
  for (const wish of await notAskedYet(ctx, { agentId, missing })) {
    const said = `${wish.class} on ${wish.serverId}${wish.toolNames.length > 0 ? ` (${wish.toolNames.join(', ')})` : ''}`
    const done = await complaints.catching(async () => {
      const { manifest } = await getTemplate(ctx, wanted.template)
      const planned = await planScopes(ctx, { manifest, wishes: [wish], tier, agentId })
      const problem = planned.problems.find(({ field }) => field === 'scopes.0')
      if (problem) return complaints.add('scopes', problem.message)
      const [scope] = planned.scopes
      if (!scope || (scope.preApproved && holdsForAWhile(scope, wish))) return
      await obtainScope(ctx, { agentId, scope })
      changes.push(scope.preApproved ? `grant ${said}` : `request ${said}`)
    }, 'scopes')
    if (!done) return changes
  }
  for (const grant of held) {
    const listed = wantedKeys.has(scopeKey({ ...grant, until: grant.expiresAt }))
    if (listed || missing.some((scope) => replaces(scope, grant))) continue
    const reason = 'Its manifest no longer lists it.'
    await complaints.catching(() => revokeGrant(ctx, { grantId: grant.id, reason }), 'scopes')
    changes.push(`revoke ${grant.class} on ${grant.serverId}${grant.toolName ? ` (${grant.toolName})` : ''}`)
  }
  return changes
}

async function notAskedYet(
  ctx: Ctx & { tx: Tx },
  { agentId, missing }: { agentId: string; missing: ManifestScope[] },
): Promise<ClassedWish[]> {
  const pending = await ctx.tx.scopeRequest.findMany({
    where: { agentId, state: 'pending' },
    select: { serverId: true, class: true, toolNames: true, conditions: true, rateCalls: true, ratePer: true },
  })
  const keyOf = (scope: Omit<ManifestScope, 'until'>) => scopeKey({ ...scope, until: null })
  const keysOf = ({ toolNames, ...scope }: Omit<ManifestScope, 'until' | 'toolName'> & { toolNames: string[] }) =>
    partsOf(toolNames).map((toolName) => keyOf({ ...scope, toolName }))
  const parts = pending.flatMap(({ toolNames, ...request }) =>
    partsOf(toolNames).map((toolName) => ({ ...request, ...limitsOf(request), toolName })),
  )
  const asked = new Set((await withNeededClasses(ctx, parts)).map(keyOf))
  return wishesOf(missing, ctx.now).filter(
    ({ conditions = [], rate = null, ...wish }) =>
      !keysOf({ ...wish, conditions, rate }).every((key) => asked.has(key)),
  )
}

function replaces(scope: ManifestScope, grant: Pick<ManifestScope, 'serverId' | 'class' | 'toolName'>): boolean {
  return (
    scope.serverId === grant.serverId &&
    covers(scope.class, grant.class) &&
    (scope.toolName === null || scope.toolName === grant.toolName)
  )
}
