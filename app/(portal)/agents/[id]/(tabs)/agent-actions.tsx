import { Archive, Pause, Play } from 'lucide-react'
import { StopButton } from '#components/stops/stop-button.client.tsx'
import { plural } from '#components/ui/count.ts'
import { ReasonButton } from '#components/ui/reason-button.client.tsx'
import { moveProblem } from '#lib/lifecycle/rules.ts'
import type { AgentView } from '#lib/registry/schema.ts'
import type { PageCtx } from '#lib/web/ctx.ts'
import { whyNot } from '#lib/web/why-not.ts'
import { resume, retire, suspend } from '../actions.ts'
import { RunNowButton } from './run-now-button.client.tsx'

/** What one can do to the agent, each with its reason when one cannot. */
export function AgentActions({ ctx, agent }: { ctx: PageCtx; agent: AgentView }) {
  const { actor } = ctx
  const input = { agentId: agent.id }
  const runProblem = agent.status === 'active' ? null : `Only an active agent runs; this one is ${agent.status}.`
  return (
    <>
      <RunNowButton
        agentId={agent.id}
        name={agent.name}
        whyNot={runProblem ?? whyNot(actor, 'runs:start', agent.owner)}
      />
      {agent.status === 'suspended' ? (
        <ReasonButton
          label="Resume"
          icon={<Play aria-hidden />}
          title={`Resume ${agent.name}`}
          description="It may run and call its tools again, with the grants it holds."
          confirm="Resume"
          variant="secondary"
          action={resume}
          input={input}
          whyNot={whyNot(actor, 'agents:suspend')}
        />
      ) : (
        <ReasonButton
          label="Suspend"
          icon={<Pause aria-hidden />}
          title={`Suspend ${agent.name}`}
          description="Launches and tool calls are refused until somebody resumes it. Grants and schedule stay."
          confirm="Suspend"
          action={suspend}
          input={input}
          whyNot={moveProblem(agent.status, 'suspend') ?? whyNot(actor, 'agents:suspend')}
        />
      )}
      <ReasonButton
        label="Retire"
        icon={<Archive aria-hidden />}
        title={`Retire ${agent.name}`}
        description={`For good: its credentials are refused, ${grantsRevoked(agent.access.length)} and its schedule is switched off. Its history stays.`}
        confirm="Retire"
        action={retire}
        input={input}
        whyNot={moveProblem(agent.status, 'retire') ?? whyNot(actor, 'agents:retire')}
      />
      <StopButton
        label="Stop agent"
        target={{ scope: 'agent', agent: { id: agent.id, name: agent.name }, team: agent.owner }}
        {...(agent.status === 'retired' ? { whyNot: 'A retired agent does not run.' } : {})}
      />
    </>
  )
}

function grantsRevoked(grants: number): string {
  return `its ${plural(grants, 'grant')} ${grants === 1 ? 'is' : 'are'} revoked`
}
