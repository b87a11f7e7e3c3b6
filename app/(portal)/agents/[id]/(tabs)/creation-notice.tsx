import Link from 'next/link'
import { Notice } from '#components/ui/notice.tsx'
import { paths } from '#lib/core/paths.ts'
import { getCreationLog } from '#lib/registry/queries.ts'
import type { AgentView } from '#lib/registry/schema.ts'
import type { PageCtx } from '#lib/web/ctx.ts'

/** While an agent is being created, or when that stopped half-way: where it stands, and the way to its log. */
export async function CreationNotice({ ctx, agent }: { ctx: PageCtx; agent: AgentView }) {
  if (agent.status === 'retired') return null
  const { steps } = await getCreationLog(ctx, agent.id)
  const failed = steps.find((step) => step.state === 'failed')
  if (agent.status !== 'provisioning' && !failed) return null
  const log = (
    <Link href={paths.agentCreation(agent.id)} className="font-medium underline underline-offset-2">
      Open the creation log
    </Link>
  )
  if (failed) {
    return (
      <Notice kind="warn" className="mb-4" title="A step of its creation failed">
        {failed.detail} {log}
      </Notice>
    )
  }
  return (
    <Notice className="mb-4" title="It is being created">
      It can run as soon as it is active. {log}
    </Notice>
  )
}
