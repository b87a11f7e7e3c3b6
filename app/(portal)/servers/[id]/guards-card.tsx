import { Card } from '#components/ui/card.tsx'
import { plural } from '#components/ui/count.ts'
import { Fact, Facts } from '#components/ui/facts.tsx'
import type { Ctx } from '#lib/auth/ctx.ts'
import { getServerGuards, guardsRevision } from '#lib/guardrails/queries/server-guards.ts'
import { whyNot } from '#lib/web/why-not.ts'
import { GuardSwitch } from './guard-switch.client.tsx'
import { LimitsButton } from './limits-button.client.tsx'

const standard = 'as for any server'

/** What the broker does with the answers of this server before an agent gets them. */
export async function GuardsCard({ ctx, serverId }: { ctx: Ctx; serverId: string }) {
  // Read first: a change in between is then one that the page has not shown.
  const revision = (await guardsRevision(ctx.db, serverId, false)) ?? ''
  const guards = await getServerGuards(ctx, serverId)
  const problem = whyNot(ctx.actor, 'servers:manage')
  return (
    <Card title="Guards and limits">
      <div className="grid gap-3">
        <GuardSwitch
          serverId={serverId}
          guard="maskSecrets"
          label="Masking of secrets"
          hint="Keys, tokens and passwords are replaced by their kind; the audit log counts them and never holds them."
          on={guards.maskSecrets}
          whyNot={problem}
        />
        <GuardSwitch
          serverId={serverId}
          guard="blockMarked"
          label="Refusal of marked answers"
          hint="Answers with marks of prompt injection are refused; otherwise the marks are recorded and shown with the run."
          on={guards.blockMarked}
          whyNot={problem}
        />
        <div className="flex flex-wrap items-start justify-between gap-x-4 gap-y-2 border-t pt-3">
          <Facts>
            <Fact label="Calls a second">{guards.callsPerSecond ?? standard}</Fact>
            <Fact label="Answer within">
              {guards.callDeadlineSeconds === null ? standard : `${guards.callDeadlineSeconds} s`}
            </Fact>
            <Fact label="Result">
              {guards.resultBytesMax === null ? standard : `${guards.resultBytesMax.toLocaleString('en')} bytes`}
              {guards.resultDepthMax !== null && `, ${plural(guards.resultDepthMax, 'level')}`}
            </Fact>
          </Facts>
          <LimitsButton serverId={serverId} limits={guards} revision={revision} whyNot={problem} />
        </div>
      </div>
    </Card>
  )
}
