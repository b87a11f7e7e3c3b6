import { tierProblem } from '#lib/lifecycle/rules/tier.ts'
import { listPeople, listTeams, pastOwners } from '#lib/registry/queries.ts'
import type { AgentView } from '#lib/registry/schema.ts'
import type { PageCtx } from '#lib/web/ctx.ts'
import { whyNot } from '#lib/web/why-not.ts'
import { EditButton } from './edit-button.client.tsx'

/** What of the registry entry whoever is looking may change, and to what. */
export async function EditEntry({ ctx, agent, revision }: { ctx: PageCtx; agent: AgentView; revision: string }) {
  const { owner, accountable, tier } = agent
  const problem = whyNot(ctx.actor, 'agents:update', owner)
  const past = await pastOwners(ctx, agent.id)
  const belongsTo = { ownerTeamId: owner.id, accountablePersonId: accountable.id, past }
  const whyNotTier = tierProblem(ctx.actor, belongsTo)?.message ?? null
  const retired = agent.status === 'retired' ? 'A retired agent is not changed.' : null
  const nothing = retired ?? (whyNotTier === null ? null : problem)
  const [teams, people] = nothing ? [[], []] : await Promise.all([listTeams(ctx), listPeople(ctx, { active: true })])
  const choice = ({ id, name }: { id: string; name: string }) => ({ id, name })
  const known = people.some(({ id }) => id === accountable.id)
  const budget = agent.monthlyBudgetMicros
  return (
    <EditButton
      agentId={agent.id}
      revision={revision}
      initial={{
        name: agent.name,
        purpose: agent.purpose,
        ownerTeamId: owner.id,
        accountablePersonId: accountable.id,
        tier,
        budget: budget === null ? '' : String(Number(budget) / 1e6),
      }}
      teams={teams.map(choice)}
      people={[
        ...(known ? [] : [{ id: accountable.id, name: `${accountable.name} (cannot sign in)` }]),
        ...people.map(choice),
      ]}
      whyNot={nothing}
      whyOnlyTier={
        problem === null ? null : 'The rest of the entry is changed by the team that owns it; you may say its tier.'
      }
      whyNotTier={whyNotTier}
    />
  )
}
