import type { Metadata } from 'next'
import Link from 'next/link'
import { z } from 'zod'
import { ExplainedParts } from '#components/agents/explained-parts.tsx'
import { instantExample } from '#components/history/as-of-form.tsx'
import { AgentField } from '#components/shell/agent-field.client.tsx'
import { Badge } from '#components/ui/badge.tsx'
import { Card } from '#components/ui/card.tsx'
import { FilterForm } from '#components/ui/filter-form.tsx'
import { Input } from '#components/ui/input.tsx'
import { Notice } from '#components/ui/notice.tsx'
import { PageHeader } from '#components/ui/page-header.tsx'
import type { Ctx } from '#lib/auth/ctx.ts'
import { paths } from '#lib/core/paths.ts'
import { explainAgentQuery } from '#lib/registry/queries.ts'
import { queryLengthMax, type QueryExplanation } from '#lib/registry/schema.ts'
import { asOfQuery } from '#lib/registry/schema/history.ts'
import { type Unanswered, unanswered } from '#lib/web/asked-again.ts'
import { currentCtx } from '#lib/web/ctx.ts'
import { hrefWith, parseSearch, readSearch, type SearchParams } from '#lib/web/search.ts'

export const metadata: Metadata = { title: 'Why an agent is in the list, or not' }

const pageQuery = asOfQuery.extend({
  agent: z.string().trim().max(100).optional(),
  q: z.string().max(queryLengthMax).optional(),
})
type Asked = z.infer<typeof pageQuery>

/** Why one agent does or does not match a query, part by part: now, or at an instant. */
export default async function ExplainAgentPage({ searchParams }: { searchParams: SearchParams }) {
  const ctx = await currentCtx()
  const read = await readSearch(pageQuery, searchParams)
  const asked = read.ok ? read.value : await parseSearch(pageQuery, searchParams)
  const { agent, q, asOf } = asked
  const found = read.ok ? await answerTo(ctx, asked) : { problem: read.error, code: 'invalid' as const }
  return (
    <>
      <PageHeader
        crumbs={[{ href: hrefWith(paths.agents(), { q, asOf }), label: 'Agents' }]}
        title="Why an agent is in the list, or not"
        description="What each part of a search asks of one agent, and what the agent has."
      />
      <FilterForm action={paths.explainAgent()} label="An agent and a search">
        <AgentField name="agent" defaultId={agent} none="Choose an agent" className="sm:w-60" />
        <Input
          name="q"
          defaultValue={q}
          placeholder="can:write env:production"
          aria-label="Search"
          className="sm:w-96"
        />
        <label className="col-span-2 flex items-center gap-2 text-[13px] text-muted-foreground">
          As of (UTC)
          <Input name="asOf" defaultValue={asOf} placeholder={instantExample} className="w-52" />
        </label>
      </FilterForm>
      <div className="max-w-4xl" aria-live="polite">
        {found === null && (
          <Notice title="Say which agent">Choose an agent and what is searched for, and the reasons show here.</Notice>
        )}
        {found && 'problem' in found && (
          <Notice kind="warn" title="It cannot be explained">
            {found.problem}{' '}
            {found.code === 'not_found' && (
              <Link
                href={hrefWith(paths.agents(), { q: JSON.stringify(agent) })}
                className="underline underline-offset-2"
              >
                Look for it by a part of its name
              </Link>
            )}
          </Notice>
        )}
        {found && 'explained' in found && <Answer explained={found.explained} asOf={asOf} />}
      </div>
    </>
  )
}

function Answer({ explained, asOf }: { explained: QueryExplanation; asOf: string | undefined }) {
  const { agent, matches, parts, query } = explained
  return (
    <Card
      title={
        <>
          <Link
            href={asOf ? paths.agentPast(agent.id, asOf) : paths.agent(agent.id)}
            className="text-accent hover:underline"
          >
            {agent.name}
          </Link>{' '}
          {inWords(matches, asOf)}
        </>
      }
      description={<code className="break-words">{query || 'every agent'}</code>}
      actions={<Badge tone={matches ? 'ok' : 'warn'}>{matches ? 'matches' : 'does not match'}</Badge>}
      flush
    >
      {parts.length === 0 ? (
        <p className="px-4 py-3">Nothing is searched for, so every agent is in the list.</p>
      ) : (
        <ExplainedParts parts={parts} label="Parts of the search" />
      )}
    </Card>
  )
}

function inWords(matches: boolean, asOf: string | undefined): string {
  if (asOf) return matches ? 'was in the list' : 'was not in the list'
  return matches ? 'is in the list' : 'is not in the list'
}

type Found = { explained: QueryExplanation } | Unanswered | null

async function answerTo(ctx: Ctx, { agent, q = '', asOf }: Asked): Promise<Found> {
  if (!agent) return null
  try {
    return { explained: await explainAgentQuery(ctx, { agentId: agent, q, asOf }) }
  } catch (error) {
    return unanswered(error)
  }
}
