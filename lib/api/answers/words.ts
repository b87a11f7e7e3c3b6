import { z } from 'zod'
import { dataClasses, environments, sensitivities, toolClasses } from '#lib/registry/schema/words.ts'

type Primitive = string | number | boolean | bigint | null | undefined

/** A type as JSON has it: without `readonly`, and every object written out. */
type Plain<T> = unknown extends T
  ? T
  : T extends Primitive
    ? T
    : T extends readonly (infer Item)[]
      ? Plain<Item>[]
      : { -readonly [Key in keyof T]: Plain<T[Key]> }

/** Which way two types differ, also in what is optional; never: in nothing. */
type Differences<A, B> = [A] extends [B]
  ? [B] extends [A]
    ? Exclude<KeysOf<A>, KeysOf<B>> | Exclude<KeysOf<B>, KeysOf<A>>
    : ['the view is narrower', A]
  : ['the view is wider', A]
type KeysOf<T> = T extends Primitive ? never : T extends readonly (infer Item)[] ? KeysOf<Item> : keyof T

/**
 * The schema of a view: `answerOf<AgentRow>()(z.strictObject({ … }))` does not compile when schema and type say something else, so what the
 * API promises cannot drift from what the queries return.
 */
export function answerOf<View>() {
  return <Schema extends z.ZodType>(
    schema: [Differences<Plain<View>, Plain<z.output<Schema>>>] extends [never]
      ? Schema
      : { differs: Differences<Plain<View>, Plain<z.output<Schema>>> },
  ): Schema => schema as Schema
}

export const text = z.string()
export const count = z.int().nonnegative()
export const time = z.iso.datetime().meta({ description: 'ISO 8601 in UTC' })
export const day = z.iso.date()
export const micros = z
  .string()
  .regex(/^-?\d+$/)
  .meta({ description: 'Micro-dollars as a decimal string' })
/** A share of one. */
export const rate = z.number().min(0).max(1)
export const facts = z.record(text, z.unknown())
export const reference = z.strictObject({ id: text, name: text })
export const person = z.strictObject({ id: text, name: text, active: z.boolean() })
/** In whose place one may decide, and until when. */
export const standIn = z.strictObject({ person, until: time })
export const environment = z.enum(environments)
export const dataClass = z.enum(dataClasses)
export const sensitivity = z.enum(sensitivities)
export const toolClass = z.enum(toolClasses)

/** Whether the person reading may decide, and why not. */
export const decidable = z.discriminatedUnion('allowed', [
  z.strictObject({ allowed: z.literal(true) }),
  z.strictObject({ allowed: z.literal(false), refusal: z.strictObject({ rule: text, message: text }) }),
])

/** Answers that are lists carry their rows in `items`, so that paging can be added without breaking a reader. */
export function itemsOf<Item extends z.ZodType>(item: Item) {
  return z.strictObject({ items: z.array(item) })
}

/** Of a rule whose end takes two people: who has asked for it. */
export const endAsked = z.strictObject({ by: person, at: time, reason: text }).nullable()
