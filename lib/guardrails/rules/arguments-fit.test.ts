import { expect, test } from 'vitest'
import { argumentsProblem } from './arguments-fit.ts'

test('what fits has no problem, and what does not is named', () => {
  const schema = {
    type: 'object',
    properties: { limit: { type: 'integer' } },
    additionalProperties: false,
  }
  expect(argumentsProblem(schema, { limit: 3 })).toBeNull()
  expect(argumentsProblem(schema, { limit: 'x' })).toContain('data/limit must be integer')
  expect(argumentsProblem(schema, { lmit: 3, more: 1 })).toMatch(/additional properties.*; it knows no lmit, more$/)
  expect(argumentsProblem({ $ref: '#/nowhere' }, {})).toContain('cannot be read')
})

test('no schema of a server takes the process of whoever checks by it', () => {
  const slowPattern = { type: 'object', properties: { word: { type: 'string', pattern: String.raw`^(\w+\s?)*$` } } }
  expect(argumentsProblem(slowPattern, { word: `${'a'.repeat(60)}!` })).toContain('takes too long')
  const twice = { $ref: '#/$defs/node' }
  const node = { allOf: [{ properties: { next: twice } }, { properties: { next: twice } }] }
  let deep: Record<string, unknown> = {}
  for (let depth = 0; depth < 60; depth += 1) deep = { next: deep }
  expect(argumentsProblem({ ...twice, $defs: { node } }, deep)).toContain('takes too long')
  // And goes on well afterwards.
  expect(argumentsProblem(slowPattern, { word: 'plain words' })).toBeNull()
})
