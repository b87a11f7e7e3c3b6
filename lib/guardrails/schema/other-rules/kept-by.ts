import type { Rule, RuleWords } from '../../schema.ts'

type Kept = Pick<Rule, 'setBy' | 'changedBy'>
/** Title, explanation and remedy. */
type Said = readonly [string, string, string]

/** The words of rules that one and the same keeper changes. */
export function keptBy<Id extends string>(kept: Kept, said: Readonly<Record<Id, Said>>): Record<Id, RuleWords> {
  const entries = Object.entries<Said>(said).map(([id, [title, explanation, remedy]]) => [
    id,
    { title, explanation, remedy, ...kept },
  ])
  return Object.fromEntries(entries) as Record<Id, RuleWords>
}

/** Something outside of the platform decides it, or its owner. */
const outside = (who: string): Kept => ({ setBy: who, changedBy: { roles: [], how: `${who} changes it.` } })

export const theApp = outside('Whoever made the app')
export const theSender = outside('Whoever sends the request')
export const identityProvider: Kept = {
  setBy: 'Platform, by what the identity provider says',
  changedBy: { roles: ['platform_admin'], how: 'Change it at the identity provider, or under Settings, People.' },
}
export const operator: Kept = {
  setBy: 'Whoever operates the installation',
  changedBy: { roles: ['platform_admin'], how: 'Change the settings of the installation.' },
}
export const serverManagers: Kept = {
  setBy: 'Whoever manages the server',
  changedBy: { roles: ['security', 'platform_admin'], how: "Change it on the server's page." },
}
