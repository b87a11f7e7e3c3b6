import type { Command } from 'commander'
import { type AgentLimitName, agentLimitNames } from '#lib/guardrails/schema/agent-limits.ts'
import { routes } from '../../routes.ts'
import { addVerb, type Setup } from '../cli.ts'
import { UsageError } from '../errors.ts'
import { ownLimits } from './numbers.ts'

type Options = Partial<Record<AgentLimitName | 'reason', string>>

/** What an agent has of its own of the limits of its calls; how often it may call is `call-rate`. */
export function addAgentLimitVerbs(agents: Command, setup: Setup): void {
  addVerb<Options>(agents, setup, {
    name: 'limits <id>',
    says: `Show or set limits of an agent's own: of its requests, of time and of results. "default" is none of its own.
The lowest of the agent's, the server's and the broker's counts.`,
    examples: [
      'wheelhouse agents limits invoice-reconciler-7 --result-bytes-max 1000000 --reason "It reads whole tables."',
    ],
    options: (command) =>
      command
        .option('--request-bytes-max <n>', 'of what it sends')
        .option('--request-depth-max <n>', 'levels in what it sends')
        .option('--call-deadline-seconds <n>', 'until a server has answered its call')
        .option('--result-bytes-max <n>', 'of a result')
        .option('--result-depth-max <n>', 'levels in a result')
        .option('--reason <text>', 'why; the owner and the audit log keep it'),
    run: async (cli, { args: [id = ''], options }) => {
      const body = ownLimits(agentLimitNames, options)
      const changes = Object.keys(body).length > 0
      if (changes && options.reason === undefined) throw new UsageError('Say why, with --reason.')
      if (!changes && options.reason !== undefined) throw new UsageError('Say which limit to set; see --help.')
      const client = await cli.client()
      const params = { id }
      const limits = changes
        ? await client.call(routes.agents.setLimits, { params, body: { ...body, reason: options.reason! } })
        : await client.call(routes.agents.limits, { params })
      cli.show(limits, () => agentLimitNames.map((name) => `${name}  ${limits[name] ?? 'default'}`).join('\n'))
    },
  })
}
