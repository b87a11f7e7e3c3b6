import { join } from 'node:path'
import { systemActor } from '#lib/auth/ctx.ts'
import { permissions as allPermissions, roles } from '#lib/auth/permissions.ts'
import { root } from '#lib/dev/source-files.ts'
import { syncTemplates } from '#lib/templates/commands.ts'
import { makeToken, openApiPortal } from './api-portal.ts'
import { dbTest } from './db-test.ts'
import { ctxFor, makePerson, makeTeam } from './fleet.ts'
import { makeServer, makeTemplate } from './registry.ts'

const key = (byte: number) => Buffer.alloc(32, byte).toString('base64')

/** The API as somebody who may do everything; every answer is compared with its contract. */
export const askTest = dbTest
  .extend('portal', { scope: 'file' }, ({ database }) =>
    openApiPortal(database, {
      WHEELHOUSE_ENCRYPTION_KEY: `${key(2)},${key(1)}`,
      WHEELHOUSE_WEBHOOK_PRIVATE_HOSTS: '127.0.0.1',
      WHEELHOUSE_MAIL_FROM: 'wheelhouse@example.test',
    }),
  )
  .extend('team', { scope: 'file' }, async ({ db }) => {
    await syncTemplates(ctxFor(db, systemActor('test')), { folder: join(root, 'templates') })
    const scope = {
      server: 'erp',
      class: 'read',
      required: false,
      approval: 'request',
      reason: 'to be tested',
    } as const
    await makeTemplate(db, { id: 'test-template', scopes: [scope] })
    await makeServer(db, { id: 'invoices' })
    await makeServer(db, { id: 'erp', environment: 'production' })
    return await makeTeam(db)
  })
  .extend('ask', { scope: 'file' }, async ({ db, portal, team }) => {
    const person = await makePerson(db, { roles, teamIds: [team] })
    const token = await makeToken(db, { personId: person.id, permissions: allPermissions })
    return async (line: string, body?: unknown): Promise<Record<string, string>> => {
      const [method = 'GET', path = ''] = line.split(' ')
      const sent = typeof body === 'string' ? { text: body } : body === undefined ? {} : { body }
      const response = await portal.fetch(`/api/v1${path}`, { method, token, ...sent })
      const text = await response.text()
      if (!response.ok) throw new Error(`${line}: ${text}`)
      const json = response.headers.get('content-type')?.startsWith('application/json') ?? false
      return { ...(json ? (JSON.parse(text) as object) : { text }), person: person.id }
    }
  })
