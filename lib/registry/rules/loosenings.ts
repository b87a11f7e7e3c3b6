import { type Environment, environments, sensitivities, type Sensitivity } from '../schema/words.ts'
import type { LoosenedFact } from '../schema/loosenings.ts'

type Facts = { environment: Environment; sensitivity: Sensitivity; dataClasses: readonly string[] }
export type Loosened<What extends LoosenedFact = LoosenedFact> = { what: What; before: string; after: string | null }

/** What of a change of a server loosens the facts that controls are chosen by, one by one: a lower environment, a lower sensitivity, a kind of data that is not named any more. */
export function loosenedBy(before: Facts, after: Partial<Facts>): Loosened[] {
  const lower = (order: readonly string[], now: string, next: string | undefined) =>
    next !== undefined && order.indexOf(next) < order.indexOf(now)
  return [
    ...(lower(environments, before.environment, after.environment)
      ? [{ what: 'environment' as const, before: before.environment, after: after.environment! }]
      : []),
    ...(lower(sensitivities, before.sensitivity, after.sensitivity)
      ? [{ what: 'sensitivity' as const, before: before.sensitivity, after: after.sensitivity! }]
      : []),
    ...(after.dataClasses === undefined ? [] : before.dataClasses)
      .filter((kind) => !after.dataClasses!.includes(kind))
      .map((kind) => ({ what: 'data_class' as const, before: kind, after: null })),
  ]
}
