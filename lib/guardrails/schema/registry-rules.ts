import type { Rule } from '../schema.ts'

/** The rules of asking the registry itself; part of the one table in schema.ts. */
export const registryRules = {
  registry_nothing_allowed: {
    title: 'Only what the person may read',
    explanation:
      'The token is right, but neither it nor its owner’s roles allow any question that the registry answers.',
    remedy: 'Make a token that may read agents, servers, runs or the fleet, or connect the app again.',
    setBy: 'Whoever made the token, and whoever gave its owner their roles',
    changedBy: { roles: ['platform_admin'], how: 'Give the person a role that reads the registry.' },
  },
} as const satisfies Record<string, Omit<Rule, 'id'>>
