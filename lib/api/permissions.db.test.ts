import { expect } from 'vitest'
import type { Permission } from '#lib/auth/permissions.ts'
import { roles, rolesWith } from '#lib/auth/permissions.ts'
import { allRoutes, openApiPortal } from '#lib/dev/test/api-portal.ts'
import { dbTest } from '#lib/dev/test/db-test.ts'
import { measureRoles, type PermissionRow, permissionTable, writtenTable } from '#lib/dev/test/permission-table.ts'
import { type Caller, permissionWorld } from '#lib/dev/test/permission-world.ts'
import type { Endpoint } from './endpoint.ts'

/** What refuses for the sake of a team. */
const ofTeams = /own_team|Only members of/

const measured = dbTest.extend('rows', { scope: 'file' }, async ({ database }) => {
  const portal = await openApiPortal(database, {
    WHEELHOUSE_API_READS_PER_MINUTE: '0',
    WHEELHOUSE_API_WRITES_PER_MINUTE: '0',
  })
  const world = await permissionWorld(database.db)
  const isAllowed = async (endpoint: Endpoint, { token }: Caller): Promise<boolean> => {
    const response = await portal.fetch(pathOf(endpoint, world.params(endpoint)), {
      method: endpoint.method,
      token,
      ...bodyOf(endpoint),
    })
    const isStream = response.headers.get('content-type')?.startsWith('text/event-stream') ?? false
    const said = isStream ? '' : await response.text()
    await response.body?.cancel().catch(() => {})
    if (response.ok && endpoint.method !== 'GET') await world.restore()
    // Of whose team it may be is told as a refusal of its own where a person may do it for some.
    return response.status !== 403 && !(response.status >= 400 && ofTeams.test(said))
  }
  const rows = new Map<string, PermissionRow>()
  for (const endpoint of allRoutes) {
    rows.set(nameOf(endpoint), await measureRoles(world.callers, (caller) => isAllowed(endpoint, caller)))
  }
  return rows
})

measured(
  'every endpoint lets in whom the table of permissions says, and nobody else',
  ({ rows }) => {
    const table = tableOf(rows)
    expect(writtenTable('Endpoint', table)).toBe(table)
  },
  600_000,
)

measured(
  'who has none of the permissions that an endpoint names is refused, and somebody who has is not',
  ({ rows }) => {
    const wrong = allRoutes.flatMap((endpoint) =>
      roles.flatMap((role) => {
        const more = alsoNeeded[nameOf(endpoint)]
        const needed = more
          ? [more]
          : [endpoint.permission, ...(endpoint.orPermissions ?? [])].filter((one): one is Permission => one !== null)
        const has = needed.length === 0 || needed.some((permission) => rolesWith(permission).includes(role))
        const answer = rows.get(nameOf(endpoint))![role]
        return has === (answer !== 'no') ? [] : [`${nameOf(endpoint)}: ${role} ${answer}`]
      }),
    )
    expect(wrong).toEqual([])
  },
)

/** What the example of an endpoint needs beyond its permission: it is about what is shared, or of a team. */
const alsoNeeded: Record<string, Permission> = {
  'PATCH /agents/{id}': 'agents:update',
  'POST /agents/views': 'views:share',
  'DELETE /agents/views/{id}': 'views:default',
  'PUT /agents/views/{id}': 'views:default',
  'POST /notification-channels': 'channels:manage',
  'GET /notification-channels/{id}': 'channels:manage',
  'DELETE /notification-channels/{id}': 'channels:manage',
  'PATCH /notification-channels/{id}': 'channels:manage',
  'POST /notification-channels/{id}/test': 'channels:manage',
}

function tableOf(rows: ReadonlyMap<string, PermissionRow>): string {
  return permissionTable(
    ['Endpoint', 'Permission'],
    allRoutes.map((endpoint) => {
      const permission = [endpoint.permission ?? 'signed in', ...(endpoint.orPermissions ?? [])].join(', ')
      return { cells: [`\`${nameOf(endpoint)}\``, permission], row: rows.get(nameOf(endpoint))! }
    }),
  )
}

function nameOf({ method, path }: Endpoint): string {
  return `${method} ${path.slice('/api/v1'.length)}`
}

function pathOf({ path, example }: Endpoint, params: Record<string, string> = {}): string {
  const filled = path.replaceAll(/\{(\w+)\}/g, (_, name: string) => encodeURIComponent(params[name] ?? ''))
  const query = new URLSearchParams(example?.query)
  return query.size > 0 ? `${filled}?${query}` : filled
}

function bodyOf({ textBody, example }: Endpoint): { body?: unknown; text?: string } {
  if (textBody) return { text: String(example?.body) }
  return example?.body === undefined ? {} : { body: example.body }
}
