import { join } from 'node:path'
import { expect, vi } from 'vitest'
import { asBrowserOf } from '#lib/dev/test/browser-request.ts'
import { openApiPortal } from '#lib/dev/test/api-portal.ts'
import { dbTest } from '#lib/dev/test/db-test.ts'
import { makeSubjects, type Page, pages, type Subjects } from '#lib/dev/test/pages.ts'
import { textsOf } from '#lib/dev/test/page-tree.ts'
import { measureRoles, type PermissionRow, permissionTable, writtenTable } from '#lib/dev/test/permission-table.ts'
import { permissionWorld } from '#lib/dev/test/permission-world.ts'
import { root } from '#lib/dev/source-files.ts'

// What Next gives to a page: the request's headers and cookies.
vi.mock('next/headers', async () => (await import('#lib/dev/test/browser-request.ts')).browserRequest)
vi.mock('next/cache', () => ({ revalidatePath: () => {} }))

/** How a page says to whole roles that what it is about is not for them; a control that is switched off says so in its own place. */
const refusing = /^Your roles do not include |^It comes with: /

const measured = dbTest
  .extend('subjects', { scope: 'file' }, async ({ database }): Promise<Subjects> => {
    await openApiPortal(database)
    return await makeSubjects(database.db)
  })
  .extend('rows', { scope: 'file' }, async ({ database, subjects }) => {
    const { callers } = await permissionWorld(database.db)
    const { id: decision } = await database.db.auditEvent.findFirstOrThrow({ where: { event: 'mcp.call_denied' } })
    const rows = new Map<string, PermissionRow>()
    for (const { path, address } of pages) {
      const show = ((await import(/* @vite-ignore */ join(root, path))) as { default: Page }).default
      const params = { ...subjects[address], ...(address === '/explain/[decision]' ? { decision } : {}) }
      const row = await measureRoles(callers, async ({ personId }) => {
        const seen = await asBrowserOf(database.db, personId, () => seenOf(show, params))
        expect({ address, seen }).not.toMatchObject({ seen: 'missing' })
        return seen === 'shown'
      })
      rows.set(address, row)
    }
    return rows
  })

dbTest('every address with a dynamic segment is asked with something', async ({ database }) => {
  await openApiPortal(database)
  const subjects = Object.keys(await makeSubjects(database.db))
  const dynamic = pages.map(({ address }) => address).filter((address) => address.includes('['))
  expect([...subjects, '/explain/[decision]'].toSorted()).toEqual(dynamic.toSorted())
})

measured('every page lets in whom the table of permissions says, and nobody else', ({ rows }) => {
  const table = permissionTable(['Page'], [...rows].map(([address, row]) => ({ cells: [`\`${address}\``], row })))
  expect(writtenTable('Page', table)).toBe(table)
}, 600_000) // prettier-ignore

measured('whoever is not signed in is sent to sign in, from every page', async ({ database, subjects }) => {
  for (const { path, address } of pages) {
    const show = ((await import(/* @vite-ignore */ join(root, path))) as { default: Page }).default
    const nobody = '00000000-0000-7000-8000-0000000000ff'
    const person = await database.db.person.upsert({
      where: { id: nobody },
      create: { id: nobody, name: 'Nobody', email: 'nobody@example.test', active: false },
      update: {},
    })
    const seen = await asBrowserOf(database.db, person.id, () => seenOf(show, subjects[address] ?? {}))
    expect([address, seen]).toEqual([address, '/sign-in'])
  }
})

/** What comes of asking for a page: it is shown, refused in words or by a command, says that there is no such thing, or leads elsewhere. */
async function seenOf(show: Page, params: object): Promise<string> {
  try {
    const texts = await textsOf(show({ params: Promise.resolve(params), searchParams: Promise.resolve({}) }))
    return texts.some((text) => refusing.test(text)) ? 'refused' : 'shown'
  } catch (error) {
    const { digest, code } = error as { digest?: unknown; code?: unknown }
    if (code === 'forbidden') return 'refused'
    if (String(digest).startsWith('NEXT_HTTP_ERROR_FALLBACK;404')) return 'missing'
    const to = /^NEXT_REDIRECT;\w+;([^;?]*)/.exec(String(digest))?.[1]
    if (to === undefined) throw error
    return to === '/sign-in' ? to : 'shown'
  }
}
