import { describe, expect, test } from 'vitest'
import type { Actor } from '#lib/auth/ctx.ts'
import type { Role } from '#lib/auth/permissions.ts'
import { DomainError } from '#lib/core/errors.ts'
import { type CatalogColumn, defaultColumns } from '#lib/registry/schema/columns.ts'
import type { CatalogViewRow, ViewState } from '#lib/registry/schema/views.ts'
import { besidesText, resolveState } from './catalog-state.ts'
import type { Layout } from './parse-layout.ts'

const [writersId, costlyId, goneId] = [1, 2, 3].map((at) => `00000000-0000-7000-8000-00000000000${at}`) as [
  string,
  string,
  string,
]

function viewOf(id: string, state: Partial<ViewState>, defaultFor: Role[] = []): CatalogViewRow {
  return {
    id,
    name: id,
    shared: true,
    owner: { id: 'p', name: 'Ada' },
    own: false,
    defaultFor,
    savedAt: '2026-11-01T08:00:00.000Z',
    state: { q: '', sort: 'id', order: 'asc', columns: [...defaultColumns], density: 'normal', ...state },
  }
}

const views = [
  viewOf(writersId, { q: 'can:write', sort: 'cost', order: 'desc', columns: ['cost', 'agent'], density: 'compact' }),
  viewOf(costlyId, { q: 'cost:>100', sort: 'cost' }, ['finance']),
]

type Given = { roles?: Role[]; layout?: Layout }

async function shown(search: string, { roles = ['builder'], layout = { widths: {} } }: Given = {}) {
  const actor: Actor = {
    kind: 'person',
    id: 'p',
    name: 'Ada',
    email: 'ada@example.com',
    roles,
    teamIds: [],
    permissions: new Set(),
  }
  return await resolveState(Promise.resolve(paramsOf(search)), { views, actor, layout })
}

function paramsOf(search: string): Record<string, string | string[]> {
  const params = new URLSearchParams(search)
  return Object.fromEntries(
    [...new Set(params.keys())].map((key) => {
      const all = params.getAll(key)
      return [key, all.length === 1 ? all[0]! : all]
    }),
  )
}

describe('what the catalog shows', () => {
  test('an address that says nothing begins with all agents, or with the view of the role', async () => {
    expect(await shown('')).toMatchObject({ view: null, dirty: false, state: { q: '', sort: 'id', hasDefault: false } })
    expect(await shown('', { roles: ['builder', 'finance'] })).toMatchObject({
      view: { id: costlyId },
      dirty: false,
      state: { q: 'cost:>100', sort: 'cost', view: costlyId, hasDefault: true },
    })
  })

  test('an address that says anything is not replaced by the view of the role', async () => {
    for (const search of ['q=', 'sort=name', 'owner=finance']) {
      expect(await shown(search, { roles: ['finance'] })).toMatchObject({ view: null, state: { hasDefault: true } })
    }
  })

  test('a view in the address is shown as it is kept', async () => {
    const { state, view, dirty } = await shown(`view=${writersId}`)
    expect([view?.id, dirty]).toEqual([writersId, false])
    expect(state).toMatchObject({ q: 'can:write', sort: 'cost', order: 'desc', density: 'compact' })
    expect(state.columns).toEqual(['agent', 'cost'])
  })

  test('beside a view only what the address says is different, and the view counts as changed', async () => {
    const sorted = await shown(`view=${writersId}&sort=name`)
    expect(sorted).toMatchObject({ dirty: true, state: { q: 'can:write', sort: 'name', order: 'asc' } })
    const narrowed = await shown(`view=${writersId}&q=can:read`)
    expect(narrowed).toMatchObject({ dirty: true, state: { q: 'can:read', sort: 'cost', order: 'desc' } })
    const everything = await shown(`view=${writersId}&q=`)
    expect(everything).toMatchObject({ dirty: true, state: { q: '', view: writersId } })
    const said = `view=${writersId}&q=can:write&sort=cost&order=desc&columns=agent,cost&density=compact`
    expect(await shown(said)).toMatchObject({ dirty: false })
  })

  test('columns and density: of the address, else of the view, else as they were left in this browser', async () => {
    const layout: Layout = { columns: ['tier', 'agent'], density: 'compact', widths: {} }
    const columns = async (search: string): Promise<readonly CatalogColumn[]> =>
      (await shown(search, { layout })).state.columns
    expect(await columns('q=')).toEqual(['agent', 'tier'])
    expect(await columns(`view=${writersId}`)).toEqual(['agent', 'cost'])
    expect(await columns('columns=model,owner,nonsense')).toEqual(['agent', 'owner', 'model'])
    expect((await shown('q=')).state.columns).toEqual(defaultColumns)
    expect((await shown('q=', { layout })).state.density).toBe('compact')
    expect((await shown('density=normal', { layout })).state.density).toBe('normal')
  })

  test('filters beside the text become part of it', async () => {
    expect((await shown('q=invoice&can=write')).state.q).toBe('invoice can:write')
  })

  test.each([
    [`q=${'x'.repeat(1001)}`, '“q” cannot be read. Write at most 1,000 characters'],
    [`q=${'x'.repeat(990)}&owner=finance-platform`, 'longer together than 1,000 characters'],
    ['q=a%00b', '“q” cannot be read.'],
    [`owner=${'x'.repeat(501)}`, '“owner” cannot be read.'],
    ['owner=a&owner=b', '“owner” cannot be read.'],
    ['q=ownr:x', 'ownr'],
    ['sort=colour', '“sort” cannot be read.'],
    [`view=${goneId}`, 'The view of this address is not there'],
    [`view=${goneId}&sort=cost`, 'The view of this address is not there'],
  ])('is refused, not widened: %#', async (search, said) => {
    const outcome = await shown(search).catch((error: unknown) => error)
    expect(outcome).toBeInstanceOf(DomainError)
    expect(outcome).toMatchObject({ code: 'invalid', message: expect.stringContaining(said) })
  })

  test('a view that is not there is not needed where the search is said', async () => {
    expect(await shown(`view=${goneId}&q=invoice`)).toMatchObject({ view: null, state: { q: 'invoice' } })
  })
})

test('beside a text that is corrected the instant, the filters and the looks stay', async () => {
  const along = async (search: string) => await besidesText(Promise.resolve(paramsOf(search)))
  const said = `asOf=2026-11-01&view=${writersId}&sort=cost&order=desc&columns=agent,cost&density=compact&owner=finance`
  expect(await along(`q=ownr:x&cursor=c&limit=20&${said}`)).toEqual(paramsOf(said))
  expect(await along('q=ownr:x&sort=colour&density=huge&asOf=&utm=1')).toEqual({})
  expect(await along('asOf=soon&owner=a&owner=b')).toEqual({ asOf: 'soon', owner: 'a,b' })
})
