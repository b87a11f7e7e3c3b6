import type { Metadata } from 'next'
import Link from 'next/link'
import { cache, type ReactNode } from 'react'
import { ActionButton } from '#components/ui/action-button.client.tsx'
import { Badge } from '#components/ui/badge.tsx'
import { Button } from '#components/ui/button.tsx'
import { Card } from '#components/ui/card.tsx'
import { plural } from '#components/ui/count.ts'
import { type Column, DataTable } from '#components/ui/data-table.tsx'
import { Fact, Facts } from '#components/ui/facts.tsx'
import { PageHeader } from '#components/ui/page-header.tsx'
import { ScopeBadge } from '#components/ui/status.tsx'
import { Time } from '#components/ui/time.client.tsx'
import { formatMicros } from '#lib/core/money.ts'
import { paths } from '#lib/core/paths.ts'
import { getTemplate } from '#lib/templates/queries.ts'
import type { TemplateManifest, TemplateVersionRow } from '#lib/templates/schema.ts'
import { currentCtx } from '#lib/web/ctx.ts'
import { orNotFound } from '#lib/web/not-found.ts'
import { hrefWith, type SearchParams } from '#lib/web/search.ts'
import { whyNot } from '#lib/web/why-not.ts'

type Props = { params: Promise<{ id: string }>; searchParams: SearchParams }

const loadTemplate = cache(async (id: string, version?: string) =>
  orNotFound(getTemplate(await currentCtx(), { id, version })),
)

export async function generateMetadata({ params, searchParams }: Props): Promise<Metadata> {
  const { version } = await searchParams
  const template = await loadTemplate((await params).id, typeof version === 'string' ? version : undefined)
  return { title: template.manifest.name }
}

export default async function TemplatePage({ params, searchParams }: Props) {
  const ctx = await currentCtx()
  const { id } = await params
  const { version } = await searchParams
  const template = await loadTemplate(id, typeof version === 'string' ? version : undefined)
  const { manifest } = template
  const newest = template.versions[0]?.version
  const createProblem = whyNot(ctx.actor, 'agents:create')
  return (
    <>
      <PageHeader
        crumbs={[{ href: paths.templates(), label: 'Templates' }]}
        title={manifest.name}
        description={manifest.summary}
        badges={<Badge tone={template.version === newest ? 'ok' : 'warn'}>version {template.version}</Badge>}
        actions={
          createProblem ? (
            <ActionButton variant="primary" whyNot={createProblem}>
              New agent from it
            </ActionButton>
          ) : (
            <Button asChild variant="primary">
              <Link href={hrefWith(paths.newAgent(), { template: id })}>New agent from it</Link>
            </Button>
          )
        }
      />
      <div className="grid gap-5 lg:grid-cols-2">
        <Card title="What an agent gets">
          <TemplateFacts manifest={manifest} digest={template.digest} />
        </Card>
        <Card
          title="Scoping policy"
          description="Required scopes come with the template; pre-approved ones need no decision."
        >
          <ul className="grid gap-2">
            {manifest.scopes.map((scope) => (
              <li key={`${scope.server}:${scope.class}`} className="grid gap-1 border-b pb-2 last:border-0">
                <span className="flex flex-wrap items-center gap-1.5">
                  <Link href={paths.server(scope.server)}>
                    <ScopeBadge serverId={scope.server} toolClass={scope.class} />
                  </Link>
                  <Badge tone={scope.approval === 'auto' ? 'ok' : 'held'}>
                    {scope.approval === 'auto' ? 'pre-approved' : 'a person decides'}
                  </Badge>
                  {scope.required && <Badge tone="outline">required</Badge>}
                </span>
                <span className="text-[13px] text-muted-foreground">{scope.reason}</span>
              </li>
            ))}
          </ul>
        </Card>
        <Card title="Prompt" description="The team’s own instructions go where the slot is.">
          <Text>{template.prompt}</Text>
        </Card>
        <Card title="Parameters and examples">
          <Parameters manifest={manifest} />
          <h3 className="mt-4 mb-1 text-sm font-medium">Example evals</h3>
          <ul className="grid gap-1 text-[13px]">
            {template.evals.map((example) => (
              <li key={example.id}>
                <span className="font-medium">{example.name}</span>{' '}
                <span className="text-muted-foreground">{plural(example.expect.length, 'expectation')}</span>
              </li>
            ))}
          </ul>
        </Card>
      </div>
      <h2 className="mt-6 mb-2 text-sm font-semibold">Versions</h2>
      <DataTable
        caption="Versions"
        columns={versionColumns(id)}
        rows={template.versions}
        rowKey={(row) => row.version}
      />
      <Card title={`What changed in ${template.version}`} className="mt-5">
        <Text>{template.changelog}</Text>
      </Card>
    </>
  )
}

function Text({ children }: { children: ReactNode }) {
  return (
    <pre tabIndex={0} className="max-h-96 overflow-auto rounded-md bg-muted p-3 font-mono text-xs whitespace-pre-wrap">
      {children}
    </pre>
  )
}

function TemplateFacts({ manifest, digest }: { manifest: TemplateManifest; digest: string }) {
  const { limits, tools } = manifest.sandbox
  return (
    <Facts>
      <Fact label="About">{manifest.description}</Fact>
      <Fact label="Model">
        {manifest.model.tier} tier (<code>{manifest.model.id}</code>)
      </Fact>
      <Fact label="Sandbox">
        {tools.join(', ') || 'no tools'}; no network; {limits.memoryMb} MB memory, {limits.cpus} CPU, {limits.processes}{' '}
        processes, {limits.diskMb} MB disk, {limits.commandSeconds} s a command
      </Fact>
      <Fact label="Limits of a run">
        {plural(manifest.harness.turnsMax, 'turn')}, {plural(manifest.harness.deadlineMinutes, 'minute')},{' '}
        {formatMicros(BigInt(manifest.harness.runBudgetMicros))}
      </Fact>
      <Fact label="First message">{manifest.firstRun.input}</Fact>
      <Fact label="Suggested schedule">
        {manifest.suggestedSchedule ? <code>{manifest.suggestedSchedule}</code> : 'by hand'}
      </Fact>
      <Fact label="Guardrails">inherited: sandbox, broker, audit, kill switch</Fact>
      <Fact label="Digest">
        <code className="text-xs break-all">{digest}</code>
      </Fact>
    </Facts>
  )
}

function Parameters({ manifest }: { manifest: TemplateManifest }) {
  const parameters = Object.entries(manifest.parameters)
  if (parameters.length === 0) return <p className="text-muted-foreground">It has no parameters.</p>
  return (
    <Facts>
      {parameters.map(([name, definition]) => (
        <Fact key={name} label={definition.title}>
          {definition.description} <code className="text-xs">default {String(definition.default)}</code>
        </Fact>
      ))}
    </Facts>
  )
}

function versionColumns(id: string): readonly Column<TemplateVersionRow>[] {
  return [
    {
      id: 'version',
      header: 'Version',
      cell: (row) => (
        <Link
          href={hrefWith(paths.template(id), { version: row.version })}
          className="font-medium text-accent hover:underline"
        >
          {row.version}
        </Link>
      ),
    },
    { id: 'published', header: 'Published', cell: (row) => <Time value={row.publishedAt} /> },
    { id: 'agents', header: 'Agents', numeric: true, cell: (row) => row.agents },
    {
      id: 'digest',
      header: 'Digest',
      wide: true,
      cell: (row) => <code className="text-xs">{row.digest.slice(0, 12)}</code>,
    },
  ]
}
