import { type Ctx, reader } from '#lib/auth/ctx.ts'
import { partsOf } from '#lib/scopes/rules/named-tools.ts'
import type { AgentPlan } from '../plan.ts'
import type { CreateAgentInput } from '../schema.ts'
import { writeManifest } from './document.ts'
import { withNeededClasses } from './needed-classes.ts'

/** The manifest an agent will have once it is created and its requests are approved; '' while its version cannot be made. */
export async function manifestOfPlan(
  ctx: Ctx,
  { input, plan }: { input: CreateAgentInput; plan: AgentPlan },
): Promise<string> {
  if (!plan.template) return ''
  const person = await reader(ctx).person.findUnique({
    where: { id: input.accountablePersonId },
    select: { email: true },
  })
  const scopes = plan.scopes.flatMap(({ serverId, class: toolClass, toolNames, conditions = [], rate = null }) =>
    partsOf(toolNames).map((toolName) => ({ serverId, class: toolClass, toolName, until: null, conditions, rate })),
  )
  return writeManifest(
    {
      id: input.id,
      name: input.name,
      owner: input.ownerTeamId,
      accountable: person?.email ?? input.accountablePersonId,
      purpose: input.purpose,
      tier: input.tier,
      template: `${plan.template.id}@${plan.template.version}`,
      parameters: input.layer.parameters,
      prompt: input.layer.prompt,
      scopes: await withNeededClasses(ctx, scopes),
      schedule: input.schedule,
      scheduleEnabled: true,
      monthlyBudgetMicros: input.monthlyBudgetMicros,
      status: 'active',
      lastReviewed: null,
      monthlyRuns: 0,
      escalationRate: null,
    },
    { measured: false },
  )
}
