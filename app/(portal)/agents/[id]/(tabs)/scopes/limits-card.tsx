import { Card } from '#components/ui/card.tsx'
import { Fact, Facts } from '#components/ui/facts.tsx'
import type { AgentCallRate } from '#lib/guardrails/schema/call-rates.ts'
import type { AgentLimits } from '#lib/guardrails/schema/agent-limits.ts'
import { AgentLimitsButton } from './agent-limits-button.client.tsx'
import { CallRateButton } from './call-rate-button.client.tsx'

const standard = 'as for any agent'

/** How much brokers take of the agent and give it: each limit only narrows what its servers and the brokers allow. */
export function LimitsCard({
  agent,
  limits,
  callsPerSecond,
  revision,
  whyNot,
}: {
  agent: { id: string; name: string }
  limits: AgentLimits
  /** Of the agent that the page shows. */
  revision: string
  whyNot: string | null
} & AgentCallRate) {
  return (
    <Card
      title="Limits"
      description="Of the agent’s, the server’s and the broker’s limit the lowest counts; a refusal says which it was."
      actions={
        <>
          <CallRateButton
            agentId={agent.id}
            agentName={agent.name}
            callsPerSecond={callsPerSecond}
            revision={revision}
            whyNot={whyNot}
          />
          <AgentLimitsButton
            agentId={agent.id}
            agentName={agent.name}
            limits={limits}
            revision={revision}
            whyNot={whyNot}
          />
        </>
      }
    >
      <Facts>
        <Fact label="Calls a second">{callsPerSecond ?? standard}</Fact>
        <Fact label="Answer within">
          {limits.callDeadlineSeconds === null ? standard : `${limits.callDeadlineSeconds} s`}
        </Fact>
        <Fact label="Request">{sizeText(limits.requestBytesMax, limits.requestDepthMax)}</Fact>
        <Fact label="Result">{sizeText(limits.resultBytesMax, limits.resultDepthMax)}</Fact>
      </Facts>
    </Card>
  )
}

function sizeText(bytes: number | null, levels: number | null): string {
  const parts = [
    ...(bytes === null ? [] : [`${bytes.toLocaleString('en')} bytes`]),
    ...(levels === null ? [] : [`${levels} levels`]),
  ]
  return parts.join(', ') || standard
}
