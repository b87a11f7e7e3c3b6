import type { Command } from 'commander'
import { routes } from '../../routes.ts'
import { addVerb, type Setup } from '../cli.ts'
import { UsageError } from '../errors.ts'
import { count, minute, oneLine } from '../text.ts'

/** `policy-sets terms`: what log-only has to be before a set counts as tried. */
export function addTrialTermsVerb(sets: Command, setup: Setup): void {
  addVerb<{ minutes?: string; calls?: string; confirm?: boolean; withdraw?: boolean }>(sets, setup, {
    name: 'terms',
    says: `Show how long log-only has to last, and how many calls it has to judge, before a set counts as tried; or change it.
Less than now and than the defaults waits for a second person, who confirms it with the same numbers and --confirm.`,
    examples: [
      'wheelhouse policy-sets terms --minutes 1440 --calls 100',
      'wheelhouse policy-sets terms --minutes 15 --calls 1 --confirm',
    ],
    options: (command) =>
      command
        .option('--minutes <number>', 'so long log-only has to last')
        .option('--calls <number>', 'so many calls it has to judge')
        .option('--confirm', 'as the second person')
        .option('--withdraw', 'take back what you have proposed'),
    run: async (cli, { options: { minutes, calls, confirm, withdraw } }) => {
      const client = await cli.client()
      const named = minutes !== undefined || calls !== undefined
      if (withdraw && (named || confirm)) throw new UsageError('Give --withdraw alone: it takes back what is proposed.')
      if (confirm && !named) throw new UsageError('Name what you confirm: --minutes, --calls or both, as proposed.')
      if (withdraw) {
        await client.call(routes.policySets.withdrawTerms, {})
        return cli.show({ withdrawn: true }, () => 'They are not proposed any more.')
      }
      const now = await client.call(routes.policySets.showTerms, {})
      if (named) {
        const body = {
          logOnlyMinutes: minutes === undefined ? now.logOnlyMinutes : Number(minutes),
          logOnlyCalls: calls === undefined ? now.logOnlyCalls : Number(calls),
        }
        if (confirm) {
          await client.call(routes.policySets.confirmTerms, { body })
          return cli.show(body, () => `Log-only counts ${from(body)}.`)
        }
        const done = await client.call(routes.policySets.setTerms, { body })
        if (done.waits) {
          return cli.show(done, () => `Proposed: log-only counts ${from(body)} when somebody else confirms it.`)
        }
        return cli.show(done, () => `Log-only counts ${from(body)}${done.changed ? '' : ', as before'}.`)
      }
      const by =
        now.setBy === null ? 'These are the defaults.' : `Set by ${oneLine(now.setBy)}, ${minute(now.setAt ?? '')}.`
      const { proposed, loosening } = now
      const looser = `A set that may allow what the one in force refuses: ${from(loosening)} at least.`
      const waits =
        proposed === null ? [] : [`${oneLine(proposed.by.name)} proposes ${from(proposed)}: waits for a second person.`]
      cli.show(now, () => [`Log-only counts ${from(now)}. ${by}`, looser, ...waits].join('\n'))
    },
  })
}

function from({ logOnlyMinutes, logOnlyCalls }: { logOnlyMinutes: number; logOnlyCalls: number }): string {
  return `from ${count(logOnlyMinutes, 'minute')} and ${count(logOnlyCalls, 'judged call')}`
}
