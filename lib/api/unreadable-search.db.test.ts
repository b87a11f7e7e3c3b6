import { join } from 'node:path'
import { expect, vi } from 'vitest'
import { openApiPortal } from '#lib/dev/test/api-portal.ts'
import { asBrowserOf } from '#lib/dev/test/browser-request.ts'
import { dbTest } from '#lib/dev/test/db-test.ts'
import { makeAgent, makePerson } from '#lib/dev/test/fleet.ts'
import { root } from '#lib/dev/source-files.ts'

// What Next gives to a page: the request's headers and cookies.
vi.mock('next/headers', async () => (await import('#lib/dev/test/browser-request.ts')).browserRequest)
vi.mock('next/cache', () => ({ revalidatePath: () => {} }))

type Page = (props: { params: Promise<object>; searchParams: Promise<object> }) => Promise<unknown>

const refused: [page: string, search: Record<string, string | string[]>][] = [
  ['agents', { q: 'x'.repeat(1001) }],
  ['agents', { q: 'a\0b' }],
  ['agents', { owner: ['a', 'b'] }],
  ['agents/[id]/(tabs)/runs', { state: 'odd' }],
  ['agents/unregistered', { source: 'odd' }],
  ['approvals', { id: 'odd' }],
  ['audit', { run: 'odd' }],
  ['escalations', { open: 'maybe' }],
  ['guardrails', { state: 'odd' }],
  ['inbox', { kind: 'odd' }],
  ['requests', { agentId: 'x'.repeat(101) }],
  ['requests/break-glass', { state: 'odd' }],
  ['requests/unused', { kind: 'odd' }],
  ['reviews', { state: 'odd' }],
  ['runs', { agent: 'a\0b' }],
  ['settings/delegation', { state: 'odd' }],
]

dbTest('a filter that cannot be read shows nothing of the list, with the reason', async ({ database }) => {
  await openApiPortal(database)
  const { id } = await makeAgent(database.db)
  const admin = await makePerson(database.db, { roles: ['platform_admin', 'security'] })
  /** What is shown in the place of the list, if anything is. */
  const problemAt = async (page: string, search: object): Promise<unknown> => {
    const path = join(root, `app/(portal)/${page}/page.tsx`)
    const show = ((await import(/* @vite-ignore */ path)) as { default: Page }).default
    const shown = await asBrowserOf(database.db, admin.id, () =>
      show({ params: Promise.resolve({ id }), searchParams: Promise.resolve(search) }),
    )
    return (shown as { props: { problem?: unknown } }).props.problem
  }
  for (const [page, search] of refused) {
    const problem = expect.stringContaining(`“${Object.keys(search)[0]}” cannot be read.`) as unknown
    expect({ page, problem: await problemAt(page, search) }).toEqual({ page, problem })
    expect({ page, problem: await problemAt(page, {}) }).toEqual({ page, problem: undefined })
  }
}, 300_000) // prettier-ignore
