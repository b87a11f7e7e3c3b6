import { join } from 'node:path'
import { expect, vi } from 'vitest'
import type { Result } from '#lib/core/result.ts'
import { serverActions } from '#lib/dev/test/server-actions.ts'
import { root } from '#lib/dev/source-files.ts'
import { actionInputs } from '#lib/dev/test/action-inputs.ts'
import { openApiPortal } from '#lib/dev/test/api-portal.ts'
import { asBrowserOf } from '#lib/dev/test/browser-request.ts'
import { agentRevision } from '#lib/registry/queries/revisions.ts'
import { exampleAgent } from './routes/params.ts'
import { dbTest } from '#lib/dev/test/db-test.ts'
import { measureRoles, type PermissionRow, permissionTable, writtenTable } from '#lib/dev/test/permission-table.ts'
import { permissionWorld } from '#lib/dev/test/permission-world.ts'
import type { ActionFailure } from '#lib/web/action.ts'

// What Next gives to a server action: the request's headers and cookies, and a cache to empty.
vi.mock('next/headers', async () => (await import('#lib/dev/test/browser-request.ts')).browserRequest)
vi.mock('next/cache', () => ({ revalidatePath: () => {} }))

type Action = (input: unknown) => Promise<Result<unknown, ActionFailure | { message?: string }>>

/** What refuses for the sake of a team. */
const ofTeams = /own_team|Only members of/

const measured = dbTest.extend('rows', { scope: 'file' }, async ({ database }) => {
  await openApiPortal(database)
  const world = await permissionWorld(database.db)
  const rows = new Map<string, PermissionRow>()
  const unclear: string[] = []
  for (const name of serverActions()) {
    const [file = '', exported = ''] = name.split(' ')
    const action = ((await import(/* @vite-ignore */ join(root, file))) as Record<string, Action>)[exported]!
    const row = await measureRoles(world.callers, async (caller) => {
      const revision = (await agentRevision(database.db, exampleAgent.id, false)) ?? ''
      const input = actionInputs({ revision })[name]
      const outcome = await asBrowserOf(database.db, caller.personId, () => action(input)).catch((error: unknown) => {
        // Going on to another page is an answer.
        if (String((error as { digest?: unknown }).digest).startsWith('NEXT_REDIRECT')) return { ok: true as const }
        throw error
      })
      if (outcome.ok) await world.restore()
      const failure = !outcome.ok && 'code' in outcome.error ? outcome.error : null
      if (failure?.code === 'internal' || (failure?.fields && !failure.rule))
        unclear.push(`${name}: ${JSON.stringify(failure.fields)}`)
      if (outcome.ok) return true
      return !['forbidden', 'unauthenticated'].includes(failure?.code ?? '') && !ofTeams.test(JSON.stringify(outcome))
    })
    rows.set(name, row)
  }
  expect([...new Set(unclear)]).toEqual([])
  return rows
})

dbTest('every server action is called with something', () => {
  expect(Object.keys(actionInputs({ revision: '' })).toSorted()).toEqual(serverActions().toSorted())
})

measured('every server action lets in whom the table of permissions says, and nobody else', ({ rows }) => {
  const table = permissionTable(['Server action'], [...rows].map(([name, row]) => ({ cells: [`\`${name}\``], row })))
  expect(writtenTable('Server action', table)).toBe(table)
}, 600_000) // prettier-ignore
