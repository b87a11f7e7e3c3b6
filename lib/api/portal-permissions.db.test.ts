import { expect } from 'vitest'
import { makeToken, mountedRoutes, openApiPortal } from '#lib/dev/test/api-portal.ts'
import { dbTest } from '#lib/dev/test/db-test.ts'
import { makePerson } from '#lib/dev/test/fleet.ts'
import { measureRoles, type PermissionRow, permissionTable, writtenTable } from '#lib/dev/test/permission-table.ts'
import { permissionWorld } from '#lib/dev/test/permission-world.ts'
import { exampleAgent } from './routes/params.ts'

// What pages that are open ask by themselves is no endpoint of the API, and is let in by the same permissions.

/** With what a route is asked that wants something; one that is asked with too little does not answer 200, and fails. */
const samples: Record<string, { id?: string; query?: Record<string, string> }> = {
  '/api/portal/agents/export': { query: { format: 'csv' } },
  '/api/portal/agents/{id}/manifest': { id: exampleAgent.id },
  '/api/portal/blast-radius': { query: { scope: 'organization' } },
  '/api/portal/creation/{id}': { id: exampleAgent.id },
}

const methods = ['GET', 'POST', 'PUT', 'PATCH', 'DELETE']

async function portalRoutes() {
  const mounted = await mountedRoutes('app/api/portal')
  const routes = mounted.flatMap(({ path, handlers }) =>
    methods.filter((method) => handlers[method]).map((method) => ({ method, path, name: `${method} ${path}` })),
  )
  return routes.toSorted((a, b) => (a.name < b.name ? -1 : 1))
}

function addressOf(path: string): string {
  const { id = '', query } = samples[path] ?? {}
  const filled = path.replace('{id}', encodeURIComponent(id))
  return query ? `${filled}?${new URLSearchParams(query)}` : filled
}

const measured = dbTest
  .extend('portal', { scope: 'file' }, async ({ database }) => await openApiPortal(database))
  .extend('rows', { scope: 'file' }, async ({ database, portal }) => {
    const { callers } = await permissionWorld(database.db)
    const rows = new Map<string, PermissionRow>()
    for (const { method, path, name } of await portalRoutes()) {
      const row = await measureRoles(callers, async ({ token }) => {
        const response = await portal.fetch(addressOf(path), { method, token })
        const said = await response.text()
        if (response.status !== 403) expect({ name, status: response.status, said }).toMatchObject({ status: 200 })
        return response.status !== 403
      })
      rows.set(name, row)
    }
    return rows
  })

measured(
  'every route that pages ask lets in whom the table of permissions says, and nobody else',
  ({ rows }) => {
    const table = permissionTable(
      ['Route of the pages'],
      [...rows].map(([name, row]) => ({ cells: [`\`${name}\``], row })),
    )
    expect(writtenTable('Route of the pages', table)).toBe(table)
  },
  600_000,
)

measured(
  'who is not signed in, or has no permission, is refused by every one of them',
  async ({ db, portal, rows }) => {
    expect(rows.size).toBeGreaterThan(0)
    const { id: personId } = await makePerson(db, { roles: [] })
    const token = await makeToken(db, { personId, permissions: [] })
    for (const { method, path, name } of await portalRoutes()) {
      for (const [by, status] of [
        [undefined, 401],
        [token, 403],
      ] as const) {
        const response = await portal.fetch(addressOf(path), { method, token: by })
        await response.body?.cancel()
        expect({ name, status: response.status }).toEqual({ name, status })
      }
    }
  },
)
