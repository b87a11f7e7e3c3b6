import { DomainError } from '#lib/core/errors.ts'
import { conditionProblem } from '#lib/registry/rules/conditions.ts'
import type { ArgumentCondition, CallRate, CallRatePeriod } from '#lib/registry/schema/conditions.ts'

/** What narrows a scope besides class, tool and time. */
export type ScopeLimits = { conditions: readonly ArgumentCondition[]; rate: CallRate | null }

/** The columns of a grant's or a request's row as what they say. */
export function limitsOf(row: { conditions: unknown; rateCalls: number | null; ratePer: string | null }): {
  conditions: ArgumentCondition[]
  rate: CallRate | null
} {
  return {
    // Written by these commands only, which checked them.
    conditions: row.conditions as ArgumentCondition[],
    rate: row.rateCalls === null ? null : { calls: row.rateCalls, per: row.ratePer as CallRatePeriod },
  }
}

/** The other way round. */
export function limitColumns({ conditions, rate }: ScopeLimits) {
  return { conditions: [...conditions], rateCalls: rate?.calls ?? null, ratePer: rate?.per ?? null }
}

/** Throws `invalid` naming the condition that cannot be evaluated. */
export function checkConditions(conditions: readonly ArgumentCondition[]): void {
  conditions.forEach((condition, at) => {
    const problem = conditionProblem(condition)
    if (problem) throw new DomainError('invalid', problem, { field: `conditions.${at}`, rule: 'scopes:condition' })
  })
}
