import type { Metadata } from 'next'
import Link from 'next/link'
import { Badge } from '#components/ui/badge.tsx'
import { Button } from '#components/ui/button.tsx'
import { Card } from '#components/ui/card.tsx'
import { plural } from '#components/ui/count.ts'
import { EmptyState } from '#components/ui/empty-state.tsx'
import { PageHeader } from '#components/ui/page-header.tsx'
import { ScopeBadge } from '#components/ui/status.tsx'
import { Time } from '#components/ui/time.client.tsx'
import { paths } from '#lib/core/paths.ts'
import { listTemplates } from '#lib/templates/queries.ts'
import { currentCtx } from '#lib/web/ctx.ts'
import { hrefWith } from '#lib/web/search.ts'

export const metadata: Metadata = { title: 'Templates' }

export default async function TemplatesPage() {
  const ctx = await currentCtx()
  const templates = await listTemplates(ctx)
  return (
    <>
      <PageHeader
        title="Golden templates"
        description="Vetted starting points: prompt, sandbox, limits and scopes. An agent refers to a version and adds its own layer."
      />
      {templates.length === 0 && (
        <EmptyState title="No template is published">A platform admin publishes the folder templates/.</EmptyState>
      )}
      <div className="grid gap-4 md:grid-cols-2 xl:grid-cols-3">
        {templates.map((template) => (
          <Card
            key={template.id}
            title={
              <Link href={paths.template(template.id)} className="hover:underline">
                {template.name}
              </Link>
            }
            description={template.summary}
          >
            <div className="grid gap-3">
              <div className="flex flex-wrap gap-1">
                {template.scopes.map((scope) => (
                  <ScopeBadge key={`${scope.server}:${scope.class}`} serverId={scope.server} toolClass={scope.class} />
                ))}
              </div>
              <p className="text-[13px] text-muted-foreground">
                Version {template.version}, published <Time value={template.publishedAt} />, on the{' '}
                {template.model.tier} model tier (<code>{template.model.id}</code>).
              </p>
              <p className="flex flex-wrap items-center gap-2 text-[13px]">
                <Link
                  href={hrefWith(paths.agents(), { template: template.id })}
                  className="text-accent hover:underline"
                >
                  {plural(template.agents, 'agent')}
                </Link>
                {template.agentsBehind > 0 && <Badge tone="warn">{template.agentsBehind} behind</Badge>}
              </p>
              <Button asChild size="sm" className="justify-self-start">
                <Link href={hrefWith(paths.newAgent(), { template: template.id })}>Start from it</Link>
              </Button>
            </div>
          </Card>
        ))}
      </div>
    </>
  )
}
