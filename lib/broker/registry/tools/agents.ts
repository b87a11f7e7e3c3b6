import { z } from 'zod'
import {
  completeAgentQuery,
  explainAgentQuery,
  getAgent,
  getAgentAsOf,
  listAgents,
  searchAgents,
} from '#lib/registry/queries.ts'
import { reachedText, unreachedTexts } from '#lib/registry/schema/reach-text.ts'
import { agentSorts, type AgentFacets, type ExplainedPart, facetKeys } from '#lib/registry/schema.ts'
import { registryTool } from '../tool.ts'
import {
  agentId,
  agentSummary,
  asOf,
  count,
  cursor,
  dollars,
  line,
  pageLimit,
  query,
  scopeText,
  summaryOf,
} from '../words.ts'

const valuesMax = 15

export const search = registryTool({
  name: 'search_agents',
  title: 'Search agents',
  description:
    'Finds registered agents with the catalog\'s query language, e.g. "which agents can write to production?" is `can:write env:production`. Access is effective: expired, quarantined, stopped or forbidden grants do not count. `total` counts all matches; the list is one page. To count by team, status and so on use count_agents instead of reading pages. With asOf it answers for that instant.',
  permission: 'agents:read',
  input: z.strictObject({
    query,
    sort: z.enum(agentSorts).default('id'),
    order: z.enum(['asc', 'desc']).default('asc'),
    limit: pageLimit(20, 100),
    cursor,
    asOf,
  }),
  output: z.object({
    total: z.int(),
    agents: z.array(agentSummary),
    nextCursor: z.string().nullable(),
    hints: z.array(z.string()).describe('Names in the query that do not exist, and what was probably meant.'),
  }),
  async run(ctx, { query: q, ...page }) {
    const list = await listAgents(ctx, { q, ...page })
    const agents = list.items.map(summaryOf)
    const hints = list.hints.map(({ message }) => message)
    const lines = agents.map(
      (agent) =>
        `${agent.id} (${agent.owner}, ${agent.status}, ${agent.tier}): ${agent.scopes.join(', ') || 'no scopes'}; ${line(agent.purpose)}`,
    )
    const shown = agents.length < list.total ? ` ${agents.length} shown.` : ''
    return {
      structured: { total: list.total, agents, nextCursor: list.nextCursor, hints },
      text: [`${count(list.total, 'agent')} in all.${shown}`, ...hints, ...lines].join('\n'),
    }
  },
})

const facetValue = z.object({ value: z.string(), label: z.string(), count: z.int() })

export const countBy = registryTool({
  name: 'count_agents',
  title: 'Count agents',
  description: `How many agents match a query, and how they divide: ${facetKeys.join(', ')}. The ${valuesMax} most frequent values of each. A facet leaves its own filter in the query out, so its counts say what another value would find.`,
  permission: 'agents:read',
  input: z.strictObject({ query, asOf }),
  output: z.object({ total: z.int(), facets: z.record(z.enum(facetKeys), z.array(facetValue)) }),
  async run(ctx, { query: q, asOf: instant }) {
    const { list, facets } = await searchAgents(ctx, { q, limit: 1, asOf: instant })
    const shown = Object.fromEntries(
      facetKeys.map((key) => [key, facets[key].filter((value) => value.count > 0).slice(0, valuesMax)]),
    ) as AgentFacets
    const lines = facetKeys.map((key) => `${key}: ${shown[key].map((v) => `${v.value} ${v.count}`).join(', ') || '–'}`)
    return {
      structured: { total: list.total, facets: shown },
      text: [`${count(list.total, 'agent')} in all.`, ...lines].join('\n'),
    }
  },
})

export const complete = registryTool({
  name: 'complete_query',
  title: 'Complete a query',
  description:
    'Qualifiers and existing values that continue a query at its end (or at `at`), each value with how many agents the query then finds. Ask it when you do not know how a team, server, tool or template is called here: `owner:fin` finds owners with "fin".',
  permission: 'agents:read',
  input: z.strictObject({
    query,
    at: z.int().min(0).max(1000).optional().describe('Place of the cursor in the text, from 0; left out: the end.'),
  }),
  output: z.object({
    from: z.int(),
    to: z.int(),
    items: z.array(z.object({ text: z.string(), detail: z.string(), agents: z.int().nullable() })),
  }),
  async run(ctx, { query: q, at }) {
    const { from, to, items } = await completeAgentQuery(ctx, { q, at })
    const shown = items.map(({ text, label, detail, count: agents }) => ({ text, detail: detail || label, agents }))
    const lines = shown.map(
      ({ text, detail, agents }) => `${text}  ${line(detail)}${agents === null ? '' : ` (${agents})`}`,
    )
    return { structured: { from, to, items: shown }, text: lines.join('\n') || 'Nothing continues it.' }
  },
})

const explained = z.object({
  depth: z.int(),
  text: z.string(),
  matches: z.boolean(),
  because: z.string().describe('What the agent has; for access what reaches it, or why a grant does not count.'),
})

export const explain = registryTool({
  name: 'explain_match',
  title: 'Explain why an agent matches',
  description:
    'Says part by part why one agent does or does not match a query, e.g. why an agent that holds a write grant cannot write to production now. With asOf, why it did or did not at that instant.',
  permission: 'agents:read',
  input: z.strictObject({ agentId, query: query.unwrap().min(1), asOf }),
  output: z.object({ agentId: z.string(), query: z.string(), matches: z.boolean(), parts: z.array(explained) }),
  agentOf: (input) => input.agentId,
  async run(ctx, input) {
    const answer = await explainAgentQuery(ctx, { agentId: input.agentId, q: input.query, asOf: input.asOf })
    const parts = answer.parts.flatMap((part) => flat(part, 0))
    const lines = parts.map(
      ({ depth, text, matches, because }) => `${'  '.repeat(depth)}${matches ? '+' : '-'} ${text}: ${line(because)}`,
    )
    const says = `${answer.agent.id} ${answer.matches ? 'matches' : 'does not match'} ${answer.query}`
    return {
      structured: { agentId: answer.agent.id, query: answer.query, matches: answer.matches, parts },
      text: [says, ...lines].join('\n'),
    }
  },
})

function flat({ text, matches, because, parts = [] }: ExplainedPart, depth: number): z.input<typeof explained>[] {
  return [{ depth, text, matches, because }, ...parts.flatMap((part) => flat(part, depth + 1))]
}

const access = z.object({
  grantId: z.string(),
  scope: z.string(),
  tools: z
    .array(z.string())
    .describe('Tools this grant really reaches, and with method: before it what it opens besides tools.'),
  unreached: z
    .array(z.object({ why: z.string(), tools: z.array(z.string()) }))
    .describe(
      'What it covers on paper and does not reach, by the reason: a stop order, a central policy, a quarantine.',
    ),
  conditions: z.int().describe('How many conditions on arguments narrow it.'),
  expiresAt: z.string().nullable(),
  reason: z.string(),
  via: z.string(),
})

export const show = registryTool({
  name: 'get_agent',
  title: 'Get an agent',
  description:
    'Everything the registry knows about one agent: owner, purpose, status and why, tier, template, schedule, budget, measured use, and its effective access now (grants in force with what each really reaches, and why it does not reach the rest). For its full definition read the resource wheelhouse://agents/{id}. With asOf all of it is as it was at that instant.',
  permission: 'agents:read',
  input: z.strictObject({ agentId, asOf }),
  output: agentSummary.extend({
    statusReason: z.string().nullable(),
    version: z.int(),
    schedule: z.string().nullable(),
    scheduleEnabled: z.boolean(),
    monthlyBudgetUsd: z.number().nullable(),
    nextReviewAt: z.string().nullable(),
    pendingScopeRequests: z.int(),
    createdAt: z.string(),
    access: z.array(access),
  }),
  agentOf: (input) => input.agentId,
  async run(ctx, input) {
    const { agentId: id, asOf: instant } = input
    const agent = await (instant === undefined ? getAgent(ctx, id) : getAgentAsOf(ctx, { agentId: id, asOf: instant }))
    const grants = agent.access.map((grant) => ({
      grantId: grant.id,
      scope: scopeText(grant),
      tools: grant.tools,
      unreached: grant.unreached,
      conditions: grant.conditions.length,
      expiresAt: grant.expiresAt,
      reason: grant.reason,
      via: grant.via,
    }))
    const summary = summaryOf(agent)
    const budget = agent.monthlyBudgetMicros === null ? null : dollars(agent.monthlyBudgetMicros)
    return {
      structured: {
        ...summary,
        statusReason: agent.statusReason,
        version: agent.version,
        schedule: agent.schedule,
        scheduleEnabled: agent.scheduleEnabled,
        monthlyBudgetUsd: budget,
        nextReviewAt: agent.nextReviewAt,
        pendingScopeRequests: agent.pendingScopeRequests,
        createdAt: agent.createdAt,
        access: grants,
      },
      text: [
        `${agent.id}: ${line(agent.name)}, ${line(agent.purpose)}`,
        `owner ${agent.owner.id}, accountable ${summary.accountable}${summary.accountableActive ? '' : ' (cannot sign in any more)'}`,
        `${agent.status}${agent.statusReason ? ` (${line(agent.statusReason)})` : ''}, tier ${agent.tier}, ${summary.template}, ${agent.model}`,
        `${count(agent.monthlyRuns, 'run')} and $${summary.costUsd30d.toFixed(2)} in 30 days, escalation rate ${agent.escalationRate ?? 'none'}`,
        ...grants.flatMap(({ scope, tools, unreached, expiresAt }) => [
          `${scope}: ${reachedText(tools) || 'nothing'}${expiresAt ? `, until ${expiresAt}` : ''}`,
          ...unreachedTexts(unreached).map((text) => `  not reached: ${line(text)}`),
        ]),
        ...(grants.length === 0 ? ['It can reach nothing.'] : []),
      ].join('\n'),
    }
  },
})
