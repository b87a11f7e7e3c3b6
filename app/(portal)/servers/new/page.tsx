import type { Metadata } from 'next'
import { Notice } from '#components/ui/notice.tsx'
import { PageHeader } from '#components/ui/page-header.tsx'
import { paths } from '#lib/core/paths.ts'
import { currentCtx } from '#lib/web/ctx.ts'
import { whyNot } from '#lib/web/why-not.ts'
import { RegisterForm } from './register-form.client.tsx'

export const metadata: Metadata = { title: 'Register a server' }

export default async function NewServerPage() {
  const ctx = await currentCtx()
  const problem = whyNot(ctx.actor, 'servers:manage')
  return (
    <>
      <PageHeader
        crumbs={[{ href: paths.servers(), label: 'MCP servers' }]}
        title="Register a server"
        description="Nothing is callable before its tools are reviewed and an agent holds a grant."
      />
      {problem ? <Notice kind="warn">{problem}</Notice> : <RegisterForm />}
    </>
  )
}
