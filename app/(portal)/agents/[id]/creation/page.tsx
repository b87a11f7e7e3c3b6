import type { Metadata } from 'next'
import { PageHeader } from '#components/ui/page-header.tsx'
import { getAgent, getCreationLog } from '#lib/registry/queries.ts'
import { currentCtx } from '#lib/web/ctx.ts'
import { orNotFound } from '#lib/web/not-found.ts'
import { whyNot } from '#lib/web/why-not.ts'
import { retry } from './actions.ts'
import { CreationSteps } from './creation-steps.client.tsx'

export const metadata: Metadata = { title: 'Creating an agent' }

export default async function CreationPage({ params }: { params: Promise<{ id: string }> }) {
  const ctx = await currentCtx()
  const { id } = await params
  const [agent, log] = await Promise.all([orNotFound(getAgent(ctx, id)), orNotFound(getCreationLog(ctx, id))])
  return (
    <>
      <PageHeader
        title={`Creating ${agent.name}`}
        description="You can leave this page: creation goes on, and a step that fails is tried again."
      />
      <CreationSteps initial={log} retry={retry} whyNotRetry={whyNot(ctx.actor, 'agents:create')} />
    </>
  )
}
