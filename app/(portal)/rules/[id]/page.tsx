import type { Metadata } from 'next'
import Link from 'next/link'
import { Button } from '#components/ui/button.tsx'
import { Card } from '#components/ui/card.tsx'
import { Fact, Facts } from '#components/ui/facts.tsx'
import { PageHeader } from '#components/ui/page-header.tsx'
import { roleLabel } from '#lib/auth/permissions.ts'
import { paths } from '#lib/core/paths.ts'
import { explainStoredRule } from '#lib/guardrails/queries.ts'
import { getAgent, getServer } from '#lib/registry/queries.ts'
import type { ServerView, ToolClass } from '#lib/registry/schema.ts'
import { currentCtx } from '#lib/web/ctx.ts'
import type { SearchParams } from '#lib/web/search.ts'

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
  const steps = stepsAfter(rule.id, { agent, server, tool: typeof tool === 'string' ? tool : undefined })
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
        </Facts>
        {steps.length > 0 && (
          <div className="mt-4 flex flex-wrap gap-2">
            {steps.map(({ href, label }) => (
              <Button key={href} asChild>
                <Link href={href}>{label}</Link>
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

type Named = { id: string; name: string } | null

/** The pages where the refusal can be resolved. */
function stepsAfter(
  rule: string,
  { agent, server, tool }: { agent: Named; server: ServerView | null; tool: string | undefined },
): { href: string; label: string }[] {
  if (rule === 'killed' || rule.startsWith('stop:')) return [{ href: paths.kill(), label: 'See what is stopped' }]
  if (rule === 'agent_unknown') return [{ href: paths.newAgent(), label: 'Register an agent' }]
  const steps: { href: string; label: string }[] = []
  if (agent && (rule.startsWith('grant_') || rule.startsWith('policy_')))
    steps.push({
      href: server
        ? paths.requestScope(agent.id, { server: server.id, ...toolOf(server, tool) })
        : paths.agent(agent.id, 'scopes'),
      label: `Scopes of ${agent.name}: request one`,
    })
  if (agent && rule === 'version_not_bound')
    steps.push({ href: paths.agentCreation(agent.id), label: `Creation of ${agent.name}` })
  if (server && (rule.startsWith('tool_') || rule.startsWith('server_') || rule.startsWith('upstream_')))
    steps.push({ href: paths.server(server.id), label: `Tools of ${server.name}` })
  if (agent && steps.length === 0) steps.push({ href: paths.agent(agent.id), label: `Open ${agent.name}` })
  return steps
}

function toolOf(server: ServerView, name: string | undefined): { class: ToolClass; tool?: string } {
  const tool = server.toolList.find((each) => each.name === name)
  return tool ? { class: tool.class, tool: tool.name } : { class: 'read' }
}
