import type { Command } from 'commander'
import { agentStatuses, dataClasses, environments, tiers, toolClasses } from '#lib/registry/schema.ts'
import { choice } from './choices.ts'

/** The catalog's qualifiers as options. */
export type AgentFilter = {
  can?: string
  env?: string
  data?: string
  owner?: string
  status?: string
  tier?: string
  template?: string
  server?: string
  tool?: string
  drift?: string
  overdue?: string
  model?: string
  sponsor?: string
  orphaned?: string
}

export function agentFilters(command: Command): Command {
  return command
    .addOption(choice('--can <class>', 'reaches a tool of at least this class', toolClasses))
    .option('--env <environments>', `on a server of: ${environments.join(', ')}`)
    .option('--data <kinds>', `on a server with this kind of data: ${dataClasses.join(', ')}`)
    .option('--server <ids>', 'on this MCP server')
    .option('--owner <teams>', 'owned by this team')
    .option('--status <states>', agentStatuses.join(', '))
    .option('--tier <tiers>', tiers.join(', '))
    .option('--template <ids>', 'made from this template')
    .option('--tool <names>', 'reaches this tool')
    .option('--drift <kinds>', 'behind its template: any, none, major, minor, patch')
    .option('--overdue <yes|no>', 'its next review is past')
    .option('--model <names>', 'runs on this model, or on one whose name contains this')
    .option('--sponsor <people>', 'this person is accountable; none: nobody who can sign in')
    .option('--orphaned <yes|no>', 'nobody who can sign in answers for it')
}

/** What is asked for, as the parameters of the catalog. */
export function filterOf({
  can,
  env,
  data,
  owner,
  status,
  tier,
  template,
  server,
  tool,
  drift,
  overdue,
  model,
  sponsor,
  orphaned,
}: AgentFilter) {
  return { can, env, data, owner, status, tier, template, server, tool, drift, overdue, model, sponsor, orphaned }
}
