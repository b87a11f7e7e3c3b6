import { PageHeader } from '#components/ui/page-header.tsx'
import { currentCtx } from '#lib/web/ctx.ts'

export default async function HomePage() {
  const ctx = await currentCtx()
  return <PageHeader title={`Hello, ${ctx.actor.name}`} />
}
