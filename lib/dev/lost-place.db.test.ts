import { dirname, join } from 'node:path'
import { expect, vi } from 'vitest'
import { LostPlace } from '#components/ui/lost-place.tsx'
import { openApiPortal } from '#lib/dev/test/api-portal.ts'
import { asBrowserOf } from '#lib/dev/test/browser-request.ts'
import { dbTest } from '#lib/dev/test/db-test.ts'
import { makePerson } from '#lib/dev/test/fleet.ts'
import { propsOf } from '#lib/dev/test/page-tree.ts'
import { makeSubjects, type Page, pages } from '#lib/dev/test/pages.ts'
import { permissionWorld } from '#lib/dev/test/permission-world.ts'
import { root, sourceFiles } from '#lib/dev/source-files.ts'
import { roles } from '#lib/auth/permissions.ts'

// What Next gives to a page: the request's headers and cookies.
vi.mock('next/headers', async () => (await import('#lib/dev/test/browser-request.ts')).browserRequest)
vi.mock('next/cache', () => ({ revalidatePath: () => {} }))

/** The catalog says it in the place of its list, with the way to its beginning. */
const ownWords = new Set(['/agents'])
const sources = sourceFiles(['app/(portal)'])

/** Whether a page links to further parts of its list. */
function isPaged(path: string): boolean {
  return sources.some(
    (file) =>
      dirname(file.path) === dirname(path) &&
      /\.nextCursor|\bnextCursor &&|before: [\w.]+[^\n]*\bseq\b/.test(file.text),
  )
}

dbTest('a damaged link into a list shows the first part of it, with a notice, on every page that has one', async ({ database }) => {
  await openApiPortal(database)
  await permissionWorld(database.db)
  const subjects = await makeSubjects(database.db)
  const { id: personId } = await makePerson(database.db, { roles })
  const paged = pages.filter(({ path }) => isPaged(path))
  expect(paged.length).toBeGreaterThan(15)
  for (const { path, address } of paged) {
    const show = ((await import(/* @vite-ignore */ join(root, path))) as { default: Page }).default
    const lostWith = (at: string) =>
      asBrowserOf(database.db, personId, async () => {
        const searchParams = Promise.resolve({ cursor: at, before: at, holders: at })
        const shown = show({ params: Promise.resolve(subjects[address] ?? {}), searchParams })
        return (await propsOf(shown, LostPlace)).map(({ lost }) => lost)
      })
    for (const at of ['%%', 'not-a-place', 'x'.repeat(5000), 'a\0b']) {
      expect({ address, at, lost: await lostWith(at) }).toEqual({ address, at, lost: ownWords.has(address) ? [] : [true] })
    }
    // What looks like a place and is none, or no longer, is no failure either.
    for (const at of ['01990000-0000-7000-8000-00000000abcd', '999999999', new Date(0).toISOString()]) {
      expect({ address, at, lost: await lostWith(at) }).toMatchObject({ address })
    }
    const whole = await asBrowserOf(database.db, personId, async () => {
      const nothing = { params: Promise.resolve(subjects[address] ?? {}), searchParams: Promise.resolve({}) }
      return (await propsOf(show(nothing), LostPlace)).map(({ lost }) => lost)
    })
    expect({ address, whole }).toEqual({ address, whole: ownWords.has(address) ? [] : [false] })
  }
}, 600_000) // prettier-ignore
