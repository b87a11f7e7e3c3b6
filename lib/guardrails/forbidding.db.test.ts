import { expect } from 'vitest'
import { dbTest } from '#lib/dev/test/db-test.ts'
import { environments, sensitivities, tiers, toolClasses } from '#lib/registry/schema.ts'
import { loadPolicySet } from './queries.ts'

dbTest(
  'what the catalog counts as forbidden is what the central policies forbid, for every combination of facts',
  async ({ db }) => {
    const policies = await loadPolicySet()
    const rows = await db.$queryRaw<
      {
        tier: (typeof tiers)[number]
        class: (typeof toolClasses)[number]
        environment: (typeof environments)[number]
        sensitivity: (typeof sensitivities)[number]
        breakGlass: boolean
        rule: string | null
      }[]
    >`
    select tier::text, class::text, environment::text, sensitivity::text, "breakGlass",
      forbidding_guardrail(tier, class, environment, sensitivity, "breakGlass") as rule
    from unnest(enum_range(null::"Tier")) tier, unnest(enum_range(null::"ToolClass")) class,
      unnest(enum_range(null::"Environment")) environment, unnest(enum_range(null::"Sensitivity")) sensitivity,
      unnest(array[false, true]) "breakGlass"`
    expect(rows).toHaveLength(tiers.length * toolClasses.length * environments.length * sensitivities.length * 2)
    for (const row of rows) {
      const tool = { serverId: 's', name: 't', class: row.class, state: 'approved' } as const
      const judged = policies.judge({
        agent: {
          id: 'a',
          name: 'A',
          teamId: 't',
          tier: row.tier,
          status: 'active',
          statusReason: null,
          currentVersion: 1,
          grants: [],
        },
        server: {
          id: 's',
          name: 'S',
          environment: row.environment,
          sensitivity: row.sensitivity,
          enabled: true,
          demo: false,
          tools: new Map(),
        },
        tool,
        grants: [
          {
            id: 'g',
            serverId: 's',
            class: row.class,
            toolName: null,
            via: row.breakGlass ? 'break_glass' : 'request',
            expiresAt: null,
          },
        ],
        simulated: false,
        breakGlass: row.breakGlass,
        session: null,
        clock: { hour: 12, weekday: 3 },
      })
      // Of two policies that both forbid, either may be named.
      expect({ ...row, rule: row.rule !== null }).toEqual({ ...row, rule: judged !== null })
    }
  },
)
