import { expect, test } from 'vitest'
import { z } from 'zod'
import { agentListQuery } from '#lib/registry/schema.ts'
import { readSearch } from './search.ts'

const read = async (params: Record<string, string | string[]>) =>
  await readSearch(agentListQuery, Promise.resolve(params))

test('a search of 1,000 characters is read, one of 1,001 is refused and never left out', async () => {
  expect(await read({ q: 'x'.repeat(1000) })).toMatchObject({ ok: true, value: { q: 'x'.repeat(1000) } })
  expect(await read({ q: 'x'.repeat(1001), status: 'active' })).toEqual({
    ok: false,
    error: '“q” cannot be read. Write at most 1,000 characters, not 1,001.',
  })
})

test.each([
  [{ q: 'a\0b' }, '“q” cannot be read. Use text without NUL'],
  [{ owner: ['a', 'b'] }, '“owner” cannot be read. Give text, once.'],
  [{ order: 'up' }, '“order” cannot be read. Choose one of asc, desc.'],
  [{ limit: 'many' }, '“limit” cannot be read. Give a whole number from 1 to'],
])('says what cannot be read: %j', async (params, said) => {
  const outcome = await read(params)
  expect(outcome).toMatchObject({ ok: false, error: expect.stringContaining(said) })
})

test('what a form leaves empty is absent, and what nobody asked the page for says nothing', async () => {
  const outcome = await read({ q: 'invoice', owner: '', utm_source: 'mail', odd: 'a\0b' })
  expect(outcome).toMatchObject({ ok: true, value: { q: 'invoice' } })
  expect(outcome).not.toHaveProperty('value.owner')
})

test('everything that cannot be read is said, also what only the whole refuses', async () => {
  const range = z.object({ from: z.int().optional() }).refine(() => false, 'Give an earlier day first.')
  expect(await readSearch(range, Promise.resolve({}))).toEqual({ ok: false, error: 'Give an earlier day first.' })
  expect(await read({ order: 'up', q: 'x'.repeat(1001) })).toMatchObject({
    error: expect.stringMatching(/“q”.*“order”|“order”.*“q”/),
  })
})
