import { join } from 'node:path'
import { expect } from 'vitest'
import { systemActor } from '#lib/auth/ctx.ts'
import { root } from '#lib/dev/source-files.ts'
import { makeToken, openApiPortal } from '#lib/dev/test/api-portal.ts'
import { dbTest } from '#lib/dev/test/db-test.ts'
import { makePerson } from '#lib/dev/test/fleet.ts'
import { syncTemplates } from '#lib/templates/commands.ts'

dbTest('golden templates are listed, and one is shown in the version asked for', async ({ db, database }) => {
  const portal = await openApiPortal(database)
  await syncTemplates({ db, actor: systemActor('test'), now: new Date() }, { folder: join(root, 'templates') })
  const person = await makePerson(db)
  const token = await makeToken(db, { personId: person.id, permissions: ['templates:read'] })
  const get = async (path: string) => await (await portal.fetch(`/api/v1/templates${path}`, { token })).json()
  const { items } = (await get('')) as { items: { id: string; version: string }[] }
  expect(items.length).toBeGreaterThanOrEqual(3)
  const { id, version } = items[0]!
  expect(await get(`/${id}?version=${version}`)).toMatchObject({ id, version, prompt: expect.any(String) })
  expect(await get(`/${id}?version=0.0.1`)).toMatchObject({ status: 404 })
})
