import type { Metadata } from 'next'
import { z } from 'zod'
import { DecisionCard, OutcomeBadge, PrecedenceCard } from '#components/explanations/explanation-cards.tsx'
import { Card } from '#components/ui/card.tsx'
import { Fact, Facts } from '#components/ui/facts.tsx'
import { Notice } from '#components/ui/notice.tsx'
import { PageHeader } from '#components/ui/page-header.tsx'
import { Time } from '#components/ui/time.client.tsx'
import { can, type Ctx } from '#lib/auth/ctx.ts'
import { roleNames } from '#lib/auth/permissions.ts'
import { durationWords } from '#lib/core/duration.ts'
import { limitsOfBrokers } from '#lib/guardrails/rules/request-limits.ts'
import { listHoldBypasses } from '#lib/guardrails/queries/hold-bypasses.ts'
import { simulate } from '#lib/guardrails/queries/explanation/simulate.ts'
import { rateNote } from '#lib/guardrails/rules/known-rates.ts'
import { runTriggers, simulateInput, type SimulationView } from '#lib/guardrails/schema/explanation.ts'
import { getServer, listServers } from '#lib/registry/queries.ts'
import { unanswered } from '#lib/web/asked-again.ts'
import { currentCtx } from '#lib/web/ctx.ts'
import { portal } from '#lib/web/db.ts'
import { parseSearch, readSearch, type SearchParams } from '#lib/web/search.ts'
import { type SimulateDraft, SimulateForm } from './simulate-form.tsx'

export const metadata: Metadata = { title: 'Simulate a call' }

const pageQuery = z.strictObject({
  agent: simulateInput.shape.agentId.optional(),
  server: simulateInput.shape.serverId.optional(),
  tool: simulateInput.shape.tool.optional(),
  args: z.string().max(20_000).optional(),
  at: z.string().max(40).optional(),
  run: z.enum(runTriggers).optional(),
  behind: z.uuid().optional(),
  scripted: z.literal('1').optional(),
  policySet: z.coerce.number().int().min(1).optional(),
})

/** What the broker would decide about a call, step by step. Nothing is called, counted or recorded. */
export default async function SimulatePage({ searchParams }: { searchParams: SearchParams }) {
  const ctx = await currentCtx()
  const asked = await readSearch(pageQuery, searchParams)
  // The form keeps what is understood; nothing is decided about a call of which a part is not.
  const draft = asked.ok ? asked.value : await parseSearch(pageQuery, searchParams)
  const [servers, server] = await Promise.all([
    listServers(ctx),
    draft.server === undefined ? null : getServer(ctx, draft.server).catch(() => null),
  ])
  const tools = server?.toolList.map(({ name }) => name) ?? []
  const outcome = asked.ok ? await outcomeOf(ctx, draft) : { problem: asked.error }
  return (
    <>
      <PageHeader
        title="Simulate a call"
        description="What the broker would decide, by the same rules and facts: now, at an instant to come, or at one that was. Nothing is called, counted or recorded."
      />
      <div className="grid items-start gap-5 xl:grid-cols-[26rem_minmax(0,1fr)]">
        <Card title="The call">
          <SimulateForm
            draft={draft}
            servers={servers.map(({ id, name }) => ({ id, name }))}
            tools={tools}
            people={await possiblyBehind(ctx)}
          />
        </Card>
        <div id="answer" className="grid min-w-0 scroll-mt-40 gap-5" aria-live="polite">
          {outcome === null && (
            <Notice title="Say which call">
              Choose an agent, a server and a tool, and what the broker would do shows here.
            </Notice>
          )}
          {outcome && 'problem' in outcome && (
            <Notice kind="danger" title="It cannot be simulated">
              {outcome.problem}
            </Notice>
          )}
          {outcome && 'simulated' in outcome && <Simulated simulated={outcome.simulated} />}
        </div>
      </div>
    </>
  )
}

function Simulated({ simulated }: { simulated: SimulationView }) {
  const { hold, rates, policyVersion, at } = simulated
  return (
    <>
      <div className="flex flex-wrap items-center gap-2" role="status">
        <OutcomeBadge outcome={simulated.outcome} />
        <h2 className="text-base font-semibold">{simulated.title}</h2>
        <span className="text-sm text-muted-foreground">
          <Time value={at} />
        </span>
      </div>
      <DecisionCard explained={simulated} />
      {hold && (
        <Card title="A person decides">
          <Facts>
            <Fact label="Held by">{hold.title}</Fact>
            <Fact label="Who decides">{roleNames(hold.deciderRoles).join(', ')}</Fact>
            <Fact label="Within">{durationWords(hold.decideSeconds)}</Fact>
            <Fact label="Otherwise">{hold.onTimeout === 'allow' ? 'it goes' : 'it is refused'}</Fact>
          </Facts>
        </Card>
      )}
      <PrecedenceCard explained={simulated} />
      <Card title="Beyond the decision">
        <Facts>
          <Fact label="Policies">
            <code className="text-[13px] break-all">{policyVersion}</code>
          </Fact>
          {rates.map((rate) => (
            <Fact key={rate.what} label={basisLabels[rate.basis]}>
              {rateNote(rate)}
            </Fact>
          ))}
          <Fact label="Not asked">
            Whether the token is good, and whether the server answers: only the broker that has the call knows.
          </Fact>
        </Facts>
      </Card>
    </>
  )
}

/** Whom it makes a difference for: whoever bypasses a rule now, and, as somebody else, whoever asks. */
async function possiblyBehind(ctx: Ctx): Promise<{ id: string; name: string }[]> {
  const { actor } = ctx
  const openers = can(actor, 'runs:read') ? await listHoldBypasses(ctx, {}, { counted: false }) : []
  const people = new Map(openers.map(({ openedBy }) => [openedBy.id, openedBy.name]))
  if (actor.kind === 'person') people.set(actor.id, actor.name)
  return [...people].map(([id, name]) => ({ id, name }))
}

const basisLabels = { counted: 'Used', recorded: 'On record', assumed: 'Assumed' } as const

async function outcomeOf(
  ctx: Ctx,
  draft: SimulateDraft,
): Promise<{ simulated: SimulationView } | { problem: string } | null> {
  const { agent, server, tool, at, run, policySet } = draft
  if (agent === undefined || server === undefined || tool === undefined) return null
  const given = argumentsOf(draft.args)
  if (given === undefined) return { problem: 'Arguments are a JSON object, for example {"amount": 1200}.' }
  try {
    const call = {
      agentId: agent,
      serverId: server,
      tool,
      arguments: given,
      startedBy: run ?? null,
      behindId: draft.behind ?? null,
      simulatedModel: draft.scripted === '1',
      ...(at === undefined ? {} : { at }),
      ...(policySet === undefined ? {} : { policySet }),
    }
    return { simulated: await simulate(ctx, call, limitsOfBrokers(portal().config.brokerLimits)) }
  } catch (error) {
    return unanswered(error)
  }
}

const argumentsObject = z.record(z.string(), z.json())

/** Left out: whatever they are (null); undefined: no JSON object. */
function argumentsOf(text: string | undefined): z.infer<typeof argumentsObject> | null | undefined {
  if (text === undefined || text.trim() === '') return null
  try {
    return argumentsObject.parse(JSON.parse(text))
  } catch {
    return undefined
  }
}
