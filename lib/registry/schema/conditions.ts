import { z } from 'zod'

/** The most conditions a grant or a rule may have, and the most values one of them may list. */
export const conditionsMax = 20
const valuesMax = 100
const textMax = 500

/** Shown to whoever approves, so nothing in it may read as something else. */
const text = (lengthMax: number) =>
  z
    .string()
    .max(lengthMax)
    .refine(
      (value) => !/[\p{Cc}\p{Cs}\p{Bidi_Control}]/u.test(value),
      'Leave out control characters and text direction marks.',
    )

const scalar = z.union([text(textMax), z.number(), z.boolean(), z.null()])
export type ConditionValue = z.infer<typeof scalar>

const pointer = text(200).regex(
  /^(\/([^~/]|~[01])*)+$/,
  'Point at an argument as RFC 6901 does, such as /amount or /lines/*/account (* is every item of an array, and of nothing else).',
)

/**
 * What an argument must be. `pointer` is RFC 6901 with `*` for every item of an array; of an object it is no member, not even one that is called so. It holds when the pointer finds at least one value and every value it
 * finds fits: what is not there does not fit.
 */
export const argumentCondition = z.union(
  [
    z.strictObject({ pointer, equals: scalar }),
    z.strictObject({ pointer, in: z.array(scalar).min(1).max(valuesMax) }),
    z.strictObject({ pointer, prefix: text(textMax).min(1) }),
    z.strictObject({
      pointer,
      range: z
        .strictObject({ min: z.number().optional(), max: z.number().optional() })
        .refine(
          ({ min, max }) => (min ?? max) !== undefined && (min ?? -Infinity) <= (max ?? Infinity),
          'A range has a min, a max or both, and min is not above max.',
        ),
    }),
    z.strictObject({ pointer, regex: text(textMax).min(1) }),
  ],
  'A condition is a pointer and one of equals, in, prefix, range and regex.',
)
export type ArgumentCondition = z.infer<typeof argumentCondition>

export const argumentConditions = z.array(argumentCondition).max(conditionsMax)

export const callRatePeriods = ['minute', 'hour'] as const
export type CallRatePeriod = (typeof callRatePeriods)[number]

/** How often tools may be called under one grant, at all brokers together. */
export const callRate = z.strictObject({ calls: z.int().min(1).max(10_000), per: z.enum(callRatePeriods) })
export type CallRate = z.infer<typeof callRate>

/** A condition in plain words: `/amount is between 0 and 1000`. */
export function conditionText(condition: ArgumentCondition): string {
  return `${condition.pointer} ${expectation(condition)}`
}

/** What a condition asks of the value: `is between 0 and 1000`. */
export function expectation(condition: ArgumentCondition): string {
  if ('equals' in condition) return `is ${JSON.stringify(condition.equals)}`
  if ('in' in condition) return `is one of ${condition.in.map((value) => JSON.stringify(value)).join(', ')}`
  if ('prefix' in condition) return `begins with ${JSON.stringify(condition.prefix)}`
  if ('regex' in condition) return `matches ${condition.regex} as a whole`
  const { min, max } = condition.range
  if (min === undefined) return `is at most ${max}`
  return max === undefined ? `is at least ${min}` : `is between ${min} and ${max}`
}

export function rateText({ calls, per }: CallRate): string {
  return `at most ${calls} ${calls === 1 ? 'call' : 'calls'} a ${per}`
}

/** What narrows a scope, in plain words; empty when nothing does. */
export function limitTexts(scope: { conditions: readonly ArgumentCondition[]; rate: CallRate | null }): string[] {
  return [...scope.conditions.map(conditionText), ...(scope.rate ? [rateText(scope.rate)] : [])]
}

/** One form for the same conditions, whatever order their keys were written in: for comparing scopes. */
export function limitKey(scope: { conditions: readonly ArgumentCondition[]; rate: CallRate | null }): string {
  const texts = scope.conditions.map((condition) => JSON.stringify([condition.pointer, expectation(condition)]))
  return JSON.stringify([texts.toSorted(), scope.rate ? [scope.rate.calls, scope.rate.per] : null])
}
