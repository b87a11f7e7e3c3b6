import type { Command } from 'commander'
import { routes } from '../../routes.ts'
import { addVerb, type Setup } from '../cli.ts'
import { count, minute, oneLine } from '../text.ts'

/** `policy-sets terms`: what log-only has to be before a set counts as tried. */
export function addTrialTermsVerb(sets: Command, setup: Setup): void {
  addVerb<{ minutes?: string; calls?: string }>(sets, setup, {
    name: 'terms',
    says: 'Show how long log-only has to last, and how many calls it has to judge, before a set counts as tried; or change it.',
    examples: ['wheelhouse policy-sets terms --minutes 1440 --calls 100'],
    options: (command) =>
      command
        .option('--minutes <number>', 'so long log-only has to last')
        .option('--calls <number>', 'so many calls it has to judge'),
    run: async (cli, { options: { minutes, calls } }) => {
      const client = await cli.client()
      const now = await client.call(routes.policySets.showTerms, {})
      if (minutes !== undefined || calls !== undefined) {
        const body = {
          logOnlyMinutes: minutes === undefined ? now.logOnlyMinutes : Number(minutes),
          logOnlyCalls: calls === undefined ? now.logOnlyCalls : Number(calls),
        }
        const done = await client.call(routes.policySets.setTerms, { body })
        return cli.show(done, () => `Log-only counts ${from(body)}${done.changed ? '' : ', as before'}.`)
      }
      const by =
        now.setBy === null ? 'These are the defaults.' : `Set by ${oneLine(now.setBy)}, ${minute(now.setAt ?? '')}.`
      cli.show(now, () => `Log-only counts ${from(now)}. ${by}`)
    },
  })
}

function from({ logOnlyMinutes, logOnlyCalls }: { logOnlyMinutes: number; logOnlyCalls: number }): string {
  return `from ${count(logOnlyMinutes, 'minute')} and ${count(logOnlyCalls, 'judged call')}`
}
