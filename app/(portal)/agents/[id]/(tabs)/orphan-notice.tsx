import { TakeOverButton } from '#components/agents/take-over-button.client.tsx'
import { Notice } from '#components/ui/notice.tsx'
import { Time } from '#components/ui/time.client.tsx'
import { getOrphan } from '#lib/lifecycle/queries.ts'
import { listPeople } from '#lib/registry/queries.ts'
import type { AgentView } from '#lib/registry/schema.ts'
import type { PageCtx } from '#lib/web/ctx.ts'
import { whyNot } from '#lib/web/why-not.ts'
import { takeOver } from '../actions.ts'

/** While nobody answers for an agent: since when, until when it goes on, and the way out. */
export async function OrphanNotice({ ctx, agent }: { ctx: PageCtx; agent: AgentView }) {
  if (agent.accountable.active || agent.status === 'retired') return null
  const orphan = await getOrphan(ctx, agent.id)
  if (!orphan) return null
  const people = await listPeople(ctx, { active: true, teamId: agent.owner.id })
  const isMember = people.some(({ id }) => id === ctx.actor.id)
  const choices = [...(isMember ? [] : [{ id: ctx.actor.id, name: `${ctx.actor.name} (you)` }]), ...people]
  return (
    <Notice kind="warn" className="mb-4" title="Orphaned: nobody answers for it">
      <p>
        {orphan.person.name}, who was accountable, cannot sign in since <Time value={orphan.since} />.{' '}
        {orphan.suspendedAt ? (
          <>
            Its grace is over, so it was suspended <Time value={orphan.suspendedAt} />.
          </>
        ) : (
          orphan.suspendAt && (
            <>
              If nobody takes it over, it is suspended <Time value={orphan.suspendAt} />.
            </>
          )
        )}
      </p>
      <div className="mt-2">
        <TakeOverButton
          agent={{ id: agent.id, name: agent.name }}
          people={choices.map(({ id, name }) => ({ id, name }))}
          whyNot={whyNot(ctx.actor, 'agents:take_over', agent.owner)}
          action={takeOver}
        />
      </div>
    </Notice>
  )
}
