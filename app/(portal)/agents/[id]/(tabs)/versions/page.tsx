import type { Metadata } from 'next'
import Link from 'next/link'
import { Badge } from '#components/ui/badge.tsx'
import { Card } from '#components/ui/card.tsx'
import { CopyButton } from '#components/ui/copy-button.client.tsx'
import { type Column, DataTable } from '#components/ui/data-table.tsx'
import { Fact, Facts } from '#components/ui/facts.tsx'
import { RefreshWhile } from '#components/ui/refresh-while.client.tsx'
import { Time } from '#components/ui/time.client.tsx'
import { paths } from '#lib/core/paths.ts'
import { templateDrift } from '#lib/lifecycle/queries.ts'
import { getAgentVersion } from '#lib/registry/queries.ts'
import type { AgentVersionRow, AgentVersionView } from '#lib/registry/schema.ts'
import type { VersionOrigin } from '#lib/registry/schema/unregistered.ts'
import { FoundDefinitionFacts } from '#components/agents/found-definition.tsx'
import { sourceWords } from '#app/(portal)/agents/unregistered/columns.tsx'
import { getTemplate } from '#lib/templates/queries.ts'
import { orNotFound } from '#lib/web/not-found.ts'
import { hrefWith, type SearchParams } from '#lib/web/search.ts'
import { whyNot } from '#lib/web/why-not.ts'
import { loadAgent } from '../../load-agent.ts'
import { DriftCard } from './drift-card.tsx'
import { LogicForm } from './logic-form.client.tsx'

export const metadata: Metadata = { title: 'Versions' }

type Props = { params: Promise<{ id: string }>; searchParams: SearchParams }

export default async function AgentVersionsPage({ params, searchParams }: Props) {
  const { ctx, agent, revision } = await loadAgent((await params).id)
  const asked = await searchParams
  const shown = Number(asked['version'] ?? agent.version)
  const move = asked['move'] === 'newest'
  const [version, template, drift] = await Promise.all([
    orNotFound(getAgentVersion(ctx, { agentId: agent.id, version: Number.isInteger(shown) ? shown : agent.version })),
    getTemplate(ctx, { id: agent.template.id }),
    templateDrift(ctx, agent.id),
  ])
  const here = paths.agent(agent.id, 'versions')
  const editProblem =
    agent.status === 'retired' ? 'A retired agent is not changed.' : whyNot(ctx.actor, 'agents:update', agent.owner)
  return (
    <div className="grid grid-cols-1 gap-5">
      <RefreshWhile active={agent.versions.some((row) => row.version === agent.version && !row.claude)} />
      <DriftCard
        drift={drift}
        moveHref={agent.status === 'retired' ? null : `${hrefWith(here, { move: 'newest' })}#new-version`}
      />
      <DataTable
        caption={`Versions of ${agent.name}`}
        columns={columns(agent.id, agent.version)}
        rows={agent.versions}
        rowKey={(row) => String(row.version)}
      />
      <div className="grid grid-cols-1 gap-5 lg:grid-cols-2">
        <VersionCard version={version} current={version.version === agent.version} />
        <LogicForm
          key={`${agent.version} ${move}`}
          move={move}
          agentId={agent.id}
          revision={revision}
          current={{ version: agent.version, templateVersion: agent.template.version, layer: agent.layer }}
          template={{
            name: template.manifest.name,
            newest: template.version,
            parameters: template.manifest.parameters,
          }}
          whyNot={editProblem}
        />
      </div>
    </div>
  )
}

function columns(agentId: string, current: number): readonly Column<AgentVersionRow>[] {
  return [
    {
      id: 'version',
      header: 'Version',
      cell: (row) => (
        <>
          <Link
            href={hrefWith(paths.agent(agentId, 'versions'), { version: row.version })}
            className="font-medium text-accent hover:underline"
          >
            {row.version}
          </Link>{' '}
          {row.version === current && <Badge tone="ok">current</Badge>}
        </>
      ),
    },
    { id: 'template', header: 'Template', cell: (row) => `${row.templateId} ${row.templateVersion}` },
    {
      id: 'created',
      header: 'Made',
      cell: (row) => (
        <>
          <Time value={row.createdAt} /> {row.createdBy && `by ${row.createdBy.name}`}
        </>
      ),
    },
    {
      id: 'claude',
      header: 'At Claude',
      wide: true,
      cell: (row) =>
        row.claude ? (
          <code className="text-xs">
            {row.claude.agentId} v{row.claude.version}
          </code>
        ) : (
          <span className="text-muted-foreground">not created yet</span>
        ),
    },
    {
      id: 'digest',
      header: 'Digest',
      wide: true,
      cell: (row) => (
        <span className="flex items-center">
          <code className="text-xs">{row.digest.slice(0, 12)}</code>
          <CopyButton text={row.digest} what="digest" />
        </span>
      ),
    },
  ]
}

function Origin({ origin: { source, key, claudeVersion, seenAt, definition } }: { origin: VersionOrigin }) {
  return (
    <>
      <p className="mt-4 text-sm">
        It goes on from what was found as <code className="break-all">{key}</code> ({sourceWords[source]}
        {claudeVersion !== null && `, version ${claudeVersion}`}) and last seen <Time value={seenAt} />.
      </p>
      {definition && (
        <details className="mt-3">
          <summary className="text-sm font-medium">What it was made of before</summary>
          <div className="mt-2">
            <FoundDefinitionFacts definition={definition} />
          </div>
        </details>
      )}
    </>
  )
}

function VersionCard({ version, current }: { version: AgentVersionView; current: boolean }) {
  const parameters = Object.entries(version.layer.parameters)
  return (
    <Card
      title={`Version ${version.version}`}
      description={current ? 'What runs now. Versions are never edited.' : 'Kept as it was.'}
    >
      <Facts>
        <Fact label="Template">
          {version.templateId} {version.templateVersion}
        </Fact>
        {parameters.map(([name, value]) => (
          <Fact key={name} label={name}>
            <code>{String(value)}</code>
          </Fact>
        ))}
      </Facts>
      <h3 className="mt-4 mb-1 text-sm font-medium">Your instructions</h3>
      <pre className="rounded-md bg-muted p-3 font-mono text-xs whitespace-pre-wrap">
        {version.layer.prompt || '(none: the template as it is)'}
      </pre>
      {version.origin && <Origin origin={version.origin} />}
      <details className="mt-3">
        <summary className="text-sm font-medium">Exactly what Claude is given</summary>
        <pre
          tabIndex={0}
          className="mt-2 max-h-96 overflow-auto rounded-md bg-muted p-3 font-mono text-xs whitespace-pre-wrap"
        >
          {JSON.stringify(version.rendered, null, 2)}
        </pre>
      </details>
    </Card>
  )
}
