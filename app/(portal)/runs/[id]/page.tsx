import type { Metadata } from 'next'
import { notFound } from 'next/navigation'
import { cache } from 'react'
import { getRun, listRunEvents } from '#lib/harness/queries.ts'
import { currentCtx } from '#lib/web/ctx.ts'
import { orNotFound } from '#lib/web/not-found.ts'
import { whyNot } from '#lib/web/why-not.ts'
import { z } from 'zod'
import { stopRunAction } from './actions.ts'
import { RunPage } from './run-page.client.tsx'

type Props = { params: Promise<{ id: string }> }

const loadRun = cache(async (id: string) => {
  if (!z.uuid().safeParse(id).success) notFound()
  return await orNotFound(getRun(await currentCtx(), id))
})

export async function generateMetadata({ params }: Props): Promise<Metadata> {
  return { title: `Run of ${(await loadRun((await params).id)).agentName}` }
}

export default async function Page({ params }: Props) {
  const ctx = await currentCtx()
  const { id } = await params
  const run = await loadRun(id)
  const events = await listRunEvents(ctx, { runId: id, after: 0 })
  const team = { id: run.teamId, name: run.teamName }
  return (
    <RunPage
      key={id}
      initial={{ run, events }}
      stop={stopRunAction}
      whyNotStop={whyNot(ctx.actor, 'runs:stop', team)}
      whyNotResolve={whyNot(ctx.actor, 'escalations:resolve', team)}
    />
  )
}
