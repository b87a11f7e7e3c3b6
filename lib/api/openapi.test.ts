import { Validator } from '@seriousme/openapi-schema-validator'
import { expect, test } from 'vitest'
import { allRoutes } from '#lib/dev/test/api-portal.ts'
import { openApiDocument } from './openapi.ts'
import { curlOf, operationsOf } from './openapi/read.ts'

const document = openApiDocument({ url: 'https://wheelhouse.example.com' })
const operations = operationsOf(document)

test('the document is valid OpenAPI 3.1, and every reference leads somewhere', async () => {
  const validator = new Validator()
  expect(await validator.validate({ ...document })).toEqual({ valid: true })
  expect(validator.version).toBe('3.1')
  const text = JSON.stringify(document)
  for (const [, path = ''] of text.matchAll(/"\$ref":"#\/([^"]+)"/g)) {
    const found = path
      .split('/')
      .reduce<unknown>((at, key) => (at as Record<string, unknown> | undefined)?.[key], document)
    expect({ path, found: found !== undefined }).toEqual({ path, found: true })
  }
})

test('it has every endpoint of the table with its permission, and no two of one name', () => {
  const told = operations.map(({ method, path, permission }) => `${method} ${path} ${permission}`)
  const table = allRoutes.map(({ method, path, permission }) => `${method} ${path} ${permission}`)
  expect(told.toSorted()).toEqual(table.toSorted())
  expect(new Set(operations.map(({ id }) => id)).size).toBe(operations.length)
})

test('every endpoint says what it answers, and how it refuses', () => {
  for (const { id, operation } of operations) {
    const statuses = Object.keys(operation.responses ?? {})
    expect({ id, success: statuses.filter((status) => status.startsWith('2')).length > 0 }).toEqual({
      id,
      success: true,
    })
    expect({ id, statuses }).toEqual({ id, statuses: expect.arrayContaining(['401', '429', '503']) })
  }
})

test('answers may gain fields, and what is sent may not have unknown ones', () => {
  expect(document.components?.schemas?.['Agent']).not.toHaveProperty('additionalProperties')
  const create = operations.find(({ id }) => id === 'agents.create')
  const body = create?.operation.requestBody as { content: Record<string, { schema: unknown }> }
  expect(body.content['application/json']?.schema).toMatchObject({ additionalProperties: false })
})

test('the example of an endpoint is a command that can be pasted', () => {
  const example = (id: string) => curlOf(operations.find((operation) => operation.id === id)!)
  expect(example('agents.list')).toBe(
    `curl -H "Authorization: Bearer $WHEELHOUSE_TOKEN" \\\n  "$WHEELHOUSE_URL/api/v1/agents?can=write&env=production"`,
  )
  expect(example('agents.suspend')).toContain(`-d '{"reason":"It posts to the wrong ledger."}'`)
  expect(example('agents.apply')).toContain("-H 'Content-Type: application/yaml'")
})

/** What is said of the fields that are of this name, wherever one is. */
function saidOf(name: string): string[] {
  const said = (node: unknown): string[] => {
    if (typeof node !== 'object' || node === null) return []
    const { [name]: field } = (node as { properties?: Record<string, { description?: string }> }).properties ?? {}
    return [...(field?.description ? [field.description] : []), ...Object.values(node).flatMap(said)]
  }
  return [...new Set(said(document))]
}

test('what a field means whose name does not say it is in the document', () => {
  expect(saidOf('secret')).toEqual([
    expect.stringContaining('JSON object of texts'),
    'user:password',
    'The value of the header.',
  ])
  for (const [name, meaning] of [
    ['waits', 'not done but proposed'],
    ['teamId', 'every team without its own'],
    ['state', 'retryAt'],
    ['option', 'remotes first'],
    ['acknowledged', 'accepted by name'],
    ['callDeadlineSeconds', 'null: as of any other server'],
    ['listUnitPriceMicros', 'Micro-dollars'],
    ['agents', 'grant in force'],
    ['issuer', 'alone gets its secret'],
  ] as const) {
    expect({ name, said: saidOf(name).join(' ') }).toEqual({ name, said: expect.stringContaining(meaning) })
  }
})
