import { expect } from 'vitest'
import { dbTest } from '#lib/dev/test/db-test.ts'
import { ctxFor, makePerson } from '#lib/dev/test/fleet.ts'
import { deleteView, saveView, setDefaultView } from './commands.ts'
import { listViews } from './queries.ts'
import { viewState } from './schema/views.ts'

const state = viewState.parse({
  q: 'can:write env:production',
  sort: 'cost',
  order: 'desc',
  columns: ['agent', 'cost'],
})

dbTest('a view is saved, changed and deleted, each recorded with before and after', async ({ db }) => {
  const ctx = ctxFor(db, await makePerson(db))
  const { id } = await saveView(ctx, { name: 'Writers', state })
  expect(await listViews(ctx)).toMatchObject([{ id, name: 'Writers', own: true, shared: false, state }])
  await saveView(ctx, { id, name: 'Writers', state: { ...state, q: 'can:write' } })
  expect((await listViews(ctx))[0]?.state.q).toBe('can:write')
  await deleteView(ctx, { id })
  expect(await listViews(ctx)).toEqual([])
  const events = await db.auditEvent.findMany({ where: { subjectId: id }, orderBy: { seq: 'asc' } })
  expect(events.map(({ event }) => event)).toEqual(['catalog_view.saved', 'catalog_view.saved', 'catalog_view.deleted'])
  expect(events[1]?.detail).toMatchObject({ before: { q: state.q }, after: { q: 'can:write' } })
  await expect(deleteView(ctx, { id })).rejects.toMatchObject({ code: 'not_found' })
  await expect(saveView(ctx, { name: 'Wrong', state: { ...state, q: 'ownr:x' } })).rejects.toMatchObject({
    code: 'invalid',
    details: { column: 1, suggestion: 'owner' },
  })
})

dbTest('what is personal stays so; what is shared is seen by all and changed by its maker', async ({ db }) => {
  const lead = ctxFor(db, await makePerson(db, { roles: ['team_lead'] }))
  const builder = ctxFor(db, await makePerson(db))
  const admin = ctxFor(db, await makePerson(db, { roles: ['platform_admin'] }))
  const personal = await saveView(lead, { name: 'Mine', state })
  const shared = await saveView(lead, { name: 'Ours', shared: true, state })
  expect((await listViews(builder)).map(({ id, own }) => ({ id, own }))).toEqual([{ id: shared.id, own: false }])
  await expect(saveView(builder, { id: personal.id, name: 'Mine', state })).rejects.toMatchObject({ code: 'not_found' })
  await expect(deleteView(builder, { id: shared.id })).rejects.toMatchObject({ code: 'forbidden' })
  // views:share
  await expect(saveView(builder, { name: 'Loud', shared: true, state })).rejects.toMatchObject({ code: 'forbidden' })
  // views:own
  await expect(saveView(ctxFor(db, await makePerson(db, { roles: [] })), { name: 'X', state })).rejects.toMatchObject({
    code: 'forbidden',
  })
  // An admin who changes another's view is held to the names of whoever owns it, not to their own.
  await saveView(admin, { name: 'Ours', state })
  await saveView(admin, { id: shared.id, name: 'Ours', shared: true, state })
  await expect(saveView(admin, { id: shared.id, name: 'Mine', shared: true, state })).rejects.toMatchObject({
    code: 'conflict',
  })
  await deleteView(admin, { id: shared.id })
  expect(await listViews(builder)).toEqual([])
})

dbTest('a role begins with a shared view; only who may set that can', async ({ db }) => {
  const admin = ctxFor(db, await makePerson(db, { roles: ['platform_admin'] }))
  const lead = ctxFor(db, await makePerson(db, { roles: ['team_lead'] }))
  const { id } = await saveView(admin, { name: 'Start', shared: true, state })
  const own = await saveView(admin, { name: 'Own', state })
  await expect(setDefaultView(lead, { role: 'builder', viewId: id })).rejects.toMatchObject({ code: 'forbidden' })
  await expect(setDefaultView(admin, { role: 'builder', viewId: own.id })).rejects.toMatchObject({ code: 'invalid' })
  await setDefaultView(admin, { role: 'builder', viewId: id })
  await setDefaultView(admin, { role: 'builder', viewId: id })
  expect((await listViews(lead)).find((view) => view.id === id)?.defaultFor).toEqual(['builder'])
  await expect(saveView(admin, { id, name: 'Start', shared: false, state })).rejects.toMatchObject({ code: 'conflict' })
  const events = await db.auditEvent.findMany({ where: { event: 'catalog_view.default_set' } })
  expect(events.map(({ detail }) => detail)).toEqual([{ role: 'builder', before: null, after: id }])
  await setDefaultView(admin, { role: 'builder', viewId: null })
  expect((await listViews(lead))[0]?.defaultFor).toEqual([])
})

dbTest('two who save over one view: the second is told, and what the first has saved stays', async ({ db }) => {
  const admin = ctxFor(db, await makePerson(db, { roles: ['platform_admin'] }))
  const other = ctxFor(db, await makePerson(db, { roles: ['platform_admin'] }))
  const { id } = await saveView(admin, { name: 'Both', shared: true, state })
  const { savedAt } = (await listViews(admin)).find((view) => view.id === id)!
  const over = (ctx: typeof admin, q: string) =>
    saveView(
      { ...ctx, now: new Date(Date.parse(savedAt) + 1) },
      { id, name: 'Both', shared: true, state: { ...state, q }, savedAt },
    )
  const outcomes = await Promise.allSettled([over(admin, 'tier:high'), over(other, 'tier:low')])
  expect(outcomes.map(({ status }) => status).toSorted()).toEqual(['fulfilled', 'rejected'])
  expect(outcomes.find(({ status }) => status === 'rejected')).toMatchObject({
    reason: { code: 'conflict', details: { rule: 'registry:view_saved_since' } },
  })
})

dbTest('two views of one name saved at once: one is, the other is told', async ({ db }) => {
  const ctx = ctxFor(db, await makePerson(db))
  const outcomes = await Promise.allSettled([1, 2].map(() => saveView(ctx, { name: 'Twice', state })))
  expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(1)
  expect(outcomes.find(({ status }) => status === 'rejected')).toMatchObject({ reason: { code: 'conflict' } })
})
