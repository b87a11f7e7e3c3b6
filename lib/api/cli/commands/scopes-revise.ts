import type { Command } from 'commander'
import { type ToolClass, toolClasses } from '#lib/registry/schema.ts'
import { routes } from '../../routes.ts'
import { addVerb, type Setup } from '../cli.ts'
import { oneLine, plain } from '../text.ts'
import { choice } from './choices.ts'
import { collect, limitsFrom, whereHelp } from './scope-limits.ts'

/** What is left out stays; false: taken off. */
type ReviseOptions = {
  class?: string
  reason?: string
  tool?: string[] | false
  days?: string | false
  ticket?: string | false
  where?: string[] | false
  rate?: string | false
}

export function addReviseVerb(scopes: Command, setup: Setup): void {
  addVerb<ReviseOptions>(scopes, setup, {
    name: 'revise <request>',
    says: `Change a request of your own until it is decided; approvals given so far count no more.
What is left out stays as it is; --no-… takes it off.`,
    examples: ['wheelhouse scopes revise 0199… --tool get_invoice --tool post_invoice --no-ticket'],
    options: (command) =>
      command
        .addOption(choice('--class <class>', 'of this class', toolClasses))
        .option('--reason <text>', 'what the agent needs it for')
        .option('--tool <name>', 'only this tool (may be repeated)', collect)
        .option('--no-tool', 'every tool of the class')
        .option('--days <days>', 'for so many days')
        .option('--no-days', 'until it is revoked')
        .option('--ticket <text>', 'where the need is written down')
        .option('--no-ticket', 'without a ticket')
        .option('--where <condition>', whereHelp, collect)
        .option('--no-where', 'without conditions')
        .option('--rate <rate>', 'at most so often: 10/minute or 100/hour')
        .option('--no-rate', 'without a rate'),
    run: async (cli, { args: [id = ''], options }) => {
      const { class: toolClass, tool, days, reason, ticket, where, rate } = options
      const body = {
        ...(toolClass === undefined ? {} : { class: toolClass as ToolClass }),
        ...(tool === undefined ? {} : { toolNames: tool || [] }),
        ...(days === undefined ? {} : { days: days === false ? null : Number(days) }),
        ...(reason === undefined ? {} : { reason }),
        ...(ticket === undefined ? {} : { ticket: ticket === false ? null : ticket }),
        ...limitsFrom({ where: where || [], ...(rate ? { rate } : {}) }),
        ...(where === false ? { conditions: [] } : {}),
        ...(rate === false ? { rate: null } : {}),
      }
      const done = await (await cli.client()).call(routes.scopes.revise, { params: { id }, body })
      const said = done.says === null ? '' : `\n${oneLine(done.says)}`
      cli.show(
        done,
        () => `Request ${plain(id)} is changed, for the ${done.revision - 1}. time. It waits again.${said}`,
      )
    },
  })
}
