import { join } from 'node:path'
import { expect, test } from 'vitest'
import { z } from 'zod'
import { root, sourceFiles } from '#lib/dev/source-files.ts'
import { allRoutes } from '#lib/dev/test/api-portal.ts'
import { knownHostile, placesOf, withValue } from '#lib/dev/test/hostile-values.ts'
import { failureOf, parseInput } from '#lib/web/failure.ts'
import { createLog } from '#lib/log/log.ts'

/** What a library of schemas says to programmers, and what is said where a schema has no words. */
const nobodysWords =
  /\bexpected\b|\breceived\b|Too (?:small|big)|Invalid |Unrecognized|discriminator|does not fit here|the form that is asked for here|undefined|\[object/

type Contract = { name: string; schema: z.ZodType; example: unknown }
const log = createLog({ process: 'portal', level: 'silent' })

function contractsOfTheApi(): Contract[] {
  return allRoutes.flatMap(({ method, path, params, query, body, example }) =>
    Object.entries({ params, query, body }).flatMap(([part, schema]) =>
      schema
        ? [{ name: `${method} ${path} ${part}`, schema, example: example?.[part as keyof typeof example] ?? {} }]
        : [],
    ),
  )
}

/** What actions and pages parse. */
async function inputsOfModules(): Promise<Contract[]> {
  const files = sourceFiles(['lib']).filter(({ path }) => /^lib\/\w+\/schema(?:\/[\w-]+)?\.ts$/.test(path))
  const found = await Promise.all(
    files.map(async ({ path }) => {
      const exported = (await import(/* @vite-ignore */ join(root, path))) as Record<string, unknown>
      return Object.entries(exported).flatMap(([name, schema]) =>
        /(?:Input|Query)$/.test(name) && schema instanceof z.ZodType
          ? [{ name: `${path} ${name}`, schema, example: {} }]
          : [],
      )
    }),
  )
  return found.flat()
}

test('whatever is wrong with a value, it is said in words that name the field and what to do', async () => {
  const contracts = [...contractsOfTheApi(), ...(await inputsOfModules())]
  expect(contracts.length).toBeGreaterThan(200)
  const unclear = new Set<string>()
  for (const { name, schema, example } of contracts) {
    const values = placesOf(schema, example).flatMap((place) =>
      knownHostile.filter(({ json }) => json.length < 20_000).map(({ json }) => withValue(example, place, json)),
    )
    for (const value of [{}, null, { ...(example as object), sort_by: 'name' }, ...values]) {
      for (const said of saidOf(schema, typeof value === 'string' ? JSON.parse(value) : value)) {
        if (nobodysWords.test(said) || !/[.!?)…]$/.test(said)) unclear.add(`${name} ${said}`)
      }
    }
  }
  expect([...unclear]).toEqual([])
}, 120_000)

test('the one sentence names each field, and a name nobody knows beside those that are known', () => {
  const schema = z.strictObject({
    reason: z.string().min(10).max(2000),
    limit: z.coerce.number().int().min(1).max(500).default(50),
    order: z.enum(['asc', 'desc']).optional(),
    id: z.uuid().optional(),
    kinds: z.array(z.string()).min(1).optional(),
    cost: z.union([z.null(), z.strictObject({ max: z.number().min(0) })]).optional(),
  })
  const said = (value: object) => failureOf(thrown(schema, value), 'r', log).message
  expect(said({ reason: 'short' })).toBe('reason: write at least 10 characters.')
  expect(said({})).toBe('reason: it is missing.')
  expect(said({ reason: '' })).toBe('reason: write at least 10 characters.')
  expect(said({ reason: 'long enough', limit: 'many' })).toBe('limit: give a whole number from 1 to 500.')
  expect(said({ reason: 'long enough', limit: '501' })).toBe('limit: give a whole number from 1 to 500.')
  expect(said({ reason: 'long enough', limit: '1.5' })).toBe('limit: give a whole number from 1 to 500.')
  expect(said({ reason: 'x'.repeat(2001) })).toBe('reason: write at most 2,000 characters, not 2,001.')
  expect(said({ reason: 'long enough', order: 'up', id: 'x' })).toBe(
    'order: choose one of asc, desc. id: give an id such as 01990000-0000-7000-8000-000000000001.',
  )
  expect(said({ reason: 'long enough', kinds: [] })).toBe('kinds: give at least 1.')
  expect(said({ reason: 'long enough', cost: { max: -1 } })).toBe('cost.max: give a number of at least 0.')
  expect(failureOf(thrown(schema, { reason: 'long enough', sort: 'name' }), 'r', log)).toMatchObject({
    message: 'sort: “sort” is not known here. There is reason, limit, order, id, kinds, cost.',
    fields: { sort: [expect.stringContaining('not known')] },
  })
})

test('a name that every object has is refused like any other', () => {
  const value: unknown = JSON.parse('{"__proto__": 1, "constructor": 2}')
  const { fields } = failureOf(thrown(z.strictObject({}), value), 'r', log)
  expect(Object.keys(fields ?? {})).toContain('constructor')
})

function saidOf(schema: z.ZodType, value: unknown): string[] {
  try {
    parseInput(schema, value)
    return []
  } catch (error) {
    const failure = failureOf(error, 'r', log)
    return failure.fields ? Object.values(failure.fields).flat() : [failure.message]
  }
}

function thrown(schema: z.ZodType, value: unknown): unknown {
  try {
    parseInput(schema, value)
  } catch (error) {
    return error
  }
  throw new Error('It was taken.')
}
