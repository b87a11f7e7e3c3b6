import { join } from 'node:path'
import { expect, vi } from 'vitest'
import { startTextReplay } from '#lib/guardrails/commands.ts'
import { asBrowserOf } from '#lib/dev/test/browser-request.ts'
import { openApiPortal } from '#lib/dev/test/api-portal.ts'
import { dbTest } from '#lib/dev/test/db-test.ts'
import { ctxFor } from '#lib/dev/test/fleet.ts'
import { textsOf } from '#lib/dev/test/page-tree.ts'
import { measureRoles, type PermissionRow, permissionTable, writtenTable } from '#lib/dev/test/permission-table.ts'
import { permissionWorld } from '#lib/dev/test/permission-world.ts'
import { enforcePolicies, permitsGranted } from '#lib/dev/test/policy-sets.ts'
import { root, sourceFiles } from '#lib/dev/source-files.ts'
import { exampleAgent, exampleId } from './routes/params.ts'

// What Next gives to a page: the request's headers and cookies.
vi.mock('next/headers', async () => (await import('#lib/dev/test/browser-request.ts')).browserRequest)
vi.mock('next/cache', () => ({ revalidatePath: () => {} }))

type Page = (props: { params: Promise<object>; searchParams: Promise<object> }) => Promise<unknown>

/** Every page but the one that says of any other address that it names nothing. */
const pages = sourceFiles(['app/(portal)']).flatMap(({ path }) =>
  path.endsWith('/page.tsx') && !path.includes('[...missing]') ? [{ path, address: addressOf(path) }] : [],
)

/** What stands for the dynamic segments of each address that has any: something that exists. */
type Subjects = Record<string, Record<string, string>>

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

async function makeSubjects(db: Parameters<typeof enforcePolicies>[0]): Promise<Subjects> {
  const set = await db.policySet.findFirst({ select: { number: true } })
  const { number } = set ?? (await enforcePolicies(db, [permitsGranted]))
  const known = await db.policyReplay.findFirst({ select: { id: true } })
  const replay = known?.id ?? (await startTextReplay(ctxFor(db), { text: permitsGranted, since: '1h' })).replayId
  const campaign = { title: 'Autumn', days: 90, atEnd: 'keep', startedById: exampleId.id, dueAt: new Date() } as const
  await db.reviewCampaign.createMany({ data: [{ id: exampleId.id, ...campaign }], skipDuplicates: true })
  const agents = [
    '',
    '/activity',
    '/audit',
    '/connections',
    '/cost',
    '/history',
    '/runs',
    '/scopes',
    '/versions',
    '/creation',
    '/past',
  ]
  return {
    ...Object.fromEntries(agents.map((tab) => [`/agents/[id]${tab}`, exampleAgent])),
    '/guardrails/[number]': { number: String(number) },
    '/guardrails/[number]/calls': { number: String(number) },
    '/guardrails/replays/[id]': { id: replay },
    '/requests/[id]': exampleId,
    '/reviews/[id]': exampleId,
    '/rules/[id]': { id: 'grant_missing' },
    '/runs/[id]': exampleId,
    '/servers/[id]': { id: 'erp' },
    '/servers/[id]/tools/[tool]': { id: 'erp', tool: 'get_purchase_order' },
    '/settings/api/[operation]': { operation: 'agents.show' },
    '/settings/webhooks/[id]': exampleId,
    '/templates/[id]': { id: 'invoice-reconciler' },
  }
}

/** As people have it in the browser: `app/(portal)/agents/[id]/(tabs)/cost/page.tsx` is `/agents/[id]/cost`. */
function addressOf(path: string): string {
  return (
    path
      .replace('app', '')
      .replaceAll(/\/\([^)]*\)/g, '')
      .replace(/\/page\.tsx$/, '') || '/'
  )
}
