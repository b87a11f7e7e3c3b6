import type { Metadata } from 'next'
import Link from 'next/link'
import { Button } from '#components/ui/button.tsx'
import { Card } from '#components/ui/card.tsx'
import { Fact, Facts } from '#components/ui/facts.tsx'
import { PageHeader } from '#components/ui/page-header.tsx'
import { can } from '#lib/auth/ctx.ts'
import { roleLabel } from '#lib/auth/permissions.ts'
import { paths } from '#lib/core/paths.ts'
import { explainStoredRule } from '#lib/guardrails/queries.ts'
import { nextSteps } from '#lib/guardrails/rules/next-steps.ts'
import { getAgent, getServer } from '#lib/registry/queries.ts'
import { currentCtx } from '#lib/web/ctx.ts'
import { hrefWith, type SearchParams } from '#lib/web/search.ts'

type Props = { params: Promise<{ id: string }>; searchParams: SearchParams }

export async function generateMetadata({ params }: Props): Promise<Metadata> {
  return { title: (await explainStoredRule(await currentCtx(), await ruleId(params))).title }
}

/** What a rule says, who set it, who can change it, and, coming from a refusal, where to go from there. */
export default async function RulePage({ params, searchParams }: Props) {
  const ctx = await currentCtx()
  const rule = await explainStoredRule(ctx, await ruleId(params))
  const { agent: agentId, server: serverId, tool } = await searchParams
  const [agent, server] = await Promise.all([
    typeof agentId === 'string' ? getAgent(ctx, agentId).catch(() => null) : null,
    typeof serverId === 'string' ? getServer(ctx, serverId).catch(() => null) : null,
  ])
  const named = server?.toolList.find(({ name }) => name === tool)
  const about = { tool: named?.name ?? null, class: named?.class ?? (server ? 'read' : null) }
  const steps = nextSteps(rule.id, { agent, server, ...about })
  return (
    <>
      <PageHeader title={rule.title} description={rule.explanation} />
      <Card title="The rule" className="max-w-3xl">
        <Facts>
          <Fact label="Id">
            <code>{rule.id}</code>
          </Fact>
          {agent && (
            <Fact label="Agent">
              <Link href={paths.agent(agent.id)} className="text-accent hover:underline">
                {agent.name}
              </Link>
            </Fact>
          )}
          {server && (
            <Fact label="MCP server">
              <Link href={paths.server(server.id)} className="text-accent hover:underline">
                {server.name}
              </Link>
            </Fact>
          )}
          <Fact label="What to do">{rule.remedy}</Fact>
          <Fact label="Set by">{rule.setBy}</Fact>
          <Fact label="Who can change it">
            {rule.changedBy.roles.length > 0 && `${rule.changedBy.roles.map(roleLabel).join(', ')}. `}
            {rule.changedBy.how}
          </Fact>
          {can(ctx.actor, 'audit:read') && (
            <Fact label="Decisions">
              <Link href={hrefWith(paths.audit(), { rule: rule.id })} className="underline underline-offset-2">
                Everything that it refused or held, each with its explanation
              </Link>
            </Fact>
          )}
        </Facts>
        {steps.length > 0 && (
          <div className="mt-4 flex flex-wrap gap-2">
            {steps.map(({ link, label }) => (
              <Button key={link} asChild>
                <Link href={link}>{label}</Link>
              </Button>
            ))}
          </div>
        )}
      </Card>
    </>
  )
}

async function ruleId(params: Props['params']): Promise<string> {
  return decodeURIComponent((await params).id).slice(0, 200)
}
