import type { Metadata } from 'next'
import { ToolFindings } from '#components/servers/tool-findings.tsx'
import { Badge } from '#components/ui/badge.tsx'
import { Card } from '#components/ui/card.tsx'
import { Fact, Facts } from '#components/ui/facts.tsx'
import { Notice } from '#components/ui/notice.tsx'
import { StopButton } from '#components/stops/stop-button.client.tsx'
import { PageHeader } from '#components/ui/page-header.tsx'
import { ScopeBadge, Status } from '#components/ui/status.tsx'
import { Time } from '#components/ui/time.client.tsx'
import { paths } from '#lib/core/paths.ts'
import { getTool, listLoosenings } from '#lib/registry/queries.ts'
import { classText } from '#lib/registry/schema/tool-words.ts'
import { verdictTitles } from '#lib/registry/rules/tool-comparison.ts'
import { findingTitle } from '#lib/registry/rules/tool-findings.ts'
import type { ToolDetail, ToolHistoryEntry } from '#lib/registry/schema.ts'
import { currentCtx } from '#lib/web/ctx.ts'
import { orNotFound } from '#lib/web/not-found.ts'
import { whyNot } from '#lib/web/why-not.ts'
import { Loosenings } from '../../loosenings.tsx'
import { ToolPrice } from '../../prices-card.tsx'
import { ToolControls } from '../../tool-controls.client.tsx'
import { DefinitionDiff } from './definition-diff.tsx'

type PageProps = { params: Promise<{ id: string; tool: string }> }

export async function generateMetadata({ params }: PageProps): Promise<Metadata> {
  const { id, tool } = await params
  return { title: `${decodeURIComponent(tool)} · ${id}` }
}

export default async function ToolPage({ params }: PageProps) {
  const ctx = await currentCtx()
  const { id, tool: name } = await params
  const tool = await orNotFound(getTool(ctx, { serverId: id, name: decodeURIComponent(name) }))
  const loosenings = (await listLoosenings(ctx, { serverId: id })).filter((one) => one.tool === tool.name)
  const manageProblem = whyNot(ctx.actor, 'servers:manage')
  return (
    <>
      <PageHeader
        crumbs={[
          { href: paths.servers(), label: 'MCP servers' },
          { href: paths.server(id), label: tool.server.name },
        ]}
        title={tool.name}
        badges={
          <>
            <Status state={tool.state} />
            <ScopeBadge toolClass={tool.class} />
            {tool.rejected && <Badge tone="danger">rejected</Badge>}
          </>
        }
        actions={
          <StopButton
            label="Stop tool"
            target={{ scope: 'tool', id: `${id}/${tool.name}`, name: `${tool.server.name}: ${tool.name}` }}
          />
        }
      />
      <Verdict tool={tool} />
      <Loosenings loosenings={loosenings} personId={ctx.actor.id} whyNot={manageProblem} />
      <div className="grid grid-cols-1 gap-5">
        <Card title="Decision">
          <ToolControls serverId={id} tool={tool} whyNot={manageProblem} />
          <Facts className={tool.state === 'removed' ? undefined : 'mt-4'}>
            <Fact label="Class">
              {classText(tool)} {tool.lowered && <Badge tone="warn">lowered</Badge>}
            </Fact>
            <Fact label="Listed definition">
              <code className="break-all">{tool.definitionHash}</code>
            </Fact>
            <Fact label="Agents are shown">
              {tool.approvedHash === null || tool.state !== 'approved' ? (
                'nothing'
              ) : tool.approvedHash === tool.definitionHash ? (
                'the listed definition'
              ) : (
                <code className="break-all">{tool.approvedHash}</code>
              )}
            </Fact>
            <Fact label="Price">
              <ToolPrice ctx={ctx} serverId={id} name={tool.name} />
            </Fact>
            <Fact label="Last seen">
              <Time value={tool.lastSeenAt} />
            </Fact>
          </Facts>
        </Card>
        <Card
          title={tool.approved ? 'Approved and listed definition' : 'Listed definition'}
          description="Hidden characters are written out. Only what differs is shown first."
        >
          <DefinitionDiff before={tool.approved} after={tool.listed} />
        </Card>
        <Card title="History" flush>
          <ol className="divide-y">
            {tool.history.map((entry) => (
              <HistoryEntry key={`${entry.at} ${entry.kind} ${entry.definitionHash}`} entry={entry} />
            ))}
          </ol>
        </Card>
      </div>
    </>
  )
}

function Verdict({ tool }: { tool: ToolDetail }) {
  if (tool.findings.length === 0) return null
  const suspended = tool.state === 'quarantined'
  return (
    <Notice
      kind={suspended ? 'warn' : 'info'}
      className="mb-5"
      title={
        suspended
          ? 'What was found in the listed definition'
          : 'The server lists another definition; agents are shown the approved one'
      }
    >
      <ToolFindings findings={tool.findings} />
    </Notice>
  )
}

const decisions = {
  approved: 'Approved',
  rejected: 'Rejected',
  withdrawn: 'Approval withdrawn',
  classified: 'Classed',
} as const
const verdicts = {
  new: 'First seen',
  ...verdictTitles,
  suspended: 'Changed and suspended',
  removed: 'No longer listed',
} as const

function HistoryEntry({ entry }: { entry: ToolHistoryEntry }) {
  return (
    <li className="grid gap-1 px-4 py-2.5 text-sm sm:grid-cols-[10rem_1fr]">
      <span className="text-muted-foreground">
        <Time value={entry.at} />
      </span>
      <div className="min-w-0">
        <span className="font-medium">
          {entry.kind === 'decided' ? decisions[entry.decision] : verdicts[entry.verdict]}
        </span>{' '}
        <span className="text-muted-foreground">
          {entry.kind === 'decided' ? `by ${entry.by.name}, as ${entry.class}` : `seen by ${entry.seenBy}`}
        </span>
        {entry.kind === 'decided' && entry.reason && <p className="break-words">{entry.reason}</p>}
        {entry.kind === 'listed' && entry.findings.length > 0 && (
          <p className="text-[13px] text-muted-foreground">
            {[...new Set(entry.findings.map(({ kind }) => findingTitle(kind)))].join(', ')}
          </p>
        )}
        <code className="block truncate text-xs text-muted-foreground">{entry.definitionHash}</code>
      </div>
    </li>
  )
}
