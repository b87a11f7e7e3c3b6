import type { AccessGrant, AgentView } from '#lib/registry/schema.ts'
import { reachedText, unreachedTexts } from '#lib/registry/schema/reach-text.ts'
import type { Cli } from '../cli.ts'
import { type Column, facts } from '../table.ts'
import { count, day, minute, money, oneLine, percent, plain } from '../text.ts'
import { scopeText } from './agent-table.ts'

/** An agent in full, for people. */
export function describeAgent(agent: AgentView, cli: Cli): string {
  const { style } = cli.terminal
  const behind = agent.template.latest && agent.template.latest !== agent.template.version
  const about = facts([
    ['Purpose', oneLine(agent.purpose)],
    ['Owner', `${oneLine(agent.owner.name)} (${agent.owner.id})`],
    [
      'Accountable',
      `${oneLine(agent.accountable.name)}${agent.accountable.active ? '' : ', who can no longer sign in'}`,
    ],
    ['Status', `${agent.status}${agent.statusReason ? `: ${oneLine(agent.statusReason)}` : ''}`],
    ['Tier', agent.tier],
    [
      'Template',
      `${agent.template.id}@${agent.template.version}${behind ? `, newest is ${agent.template.latest}` : ''}`,
    ],
    ['Version', `${agent.version} of ${agent.versions.length}`],
    ['Schedule', scheduleOf(agent)],
    ['Budget', agent.monthlyBudgetMicros === null ? 'the default' : `${money(agent.monthlyBudgetMicros)} a month`],
    [
      'Last 30 days',
      `${count(agent.monthlyRuns, 'run')}, ${money(agent.cost30dMicros)}, ${percent(agent.escalationRate)} escalated`,
    ],
    ['Last run', day(agent.lastRunDay)],
    ['Reviewed', `${day(agent.lastReviewedAt)}, next ${day(agent.nextReviewAt)}`],
    ['Guardrails', agent.guardrails],
    ['Waiting', agent.pendingScopeRequests > 0 ? count(agent.pendingScopeRequests, 'scope request') : null],
    ['Demo', agent.demo ? 'yes: its history is made up' : null],
  ])
  const access = agent.access.length === 0 ? 'It can reach nothing.' : cli.table(accessColumns, agent.access)
  const shut = agent.access.flatMap((grant) =>
    unreachedTexts(grant.unreached).map((text) => oneLine(`${scopeText(grant)}: ${text}`)),
  )
  const why = shut.length === 0 ? '' : `\n\nNot reached:\n${shut.map((text) => `  ${text}`).join('\n')}`
  return `${style('bold', plain(agent.name))} ${style('dim', agent.id)}\n${about}\n\n${access}${why}`
}

const accessColumns: Column<AccessGrant>[] = [
  { title: 'SCOPE', value: (grant) => scopeText(grant) },
  { title: 'ENVIRONMENT', value: (grant) => grant.environment },
  { title: 'UNTIL', value: (grant) => (grant.expiresAt === null ? 'no end' : minute(grant.expiresAt)) },
  { title: 'TOOLS', value: (grant) => reachedText(grant.tools) || 'none', widthMin: 12 },
  { title: 'GRANT', value: (grant) => grant.id, dispensable: 1 },
]

function scheduleOf(agent: AgentView): string {
  if (agent.schedule === null) return 'none'
  return `${agent.schedule} (UTC)${agent.scheduleEnabled ? '' : ', off'}`
}
