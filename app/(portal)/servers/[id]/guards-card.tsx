import { Card } from '#components/ui/card.tsx'
import type { Ctx } from '#lib/auth/ctx.ts'
import { getServerGuards } from '#lib/guardrails/queries/server-guards.ts'
import { whyNot } from '#lib/web/why-not.ts'
import { GuardSwitch } from './guard-switch.client.tsx'

/** What the broker does with the answers of this server before an agent gets them. */
export async function GuardsCard({ ctx, serverId }: { ctx: Ctx; serverId: string }) {
  const guards = await getServerGuards(ctx, serverId)
  const problem = whyNot(ctx.actor, 'servers:manage')
  return (
    <Card title="Guards of its answers">
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
      </div>
    </Card>
  )
}
