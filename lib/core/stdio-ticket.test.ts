import { randomBytes } from 'node:crypto'
import { expect, test } from 'vitest'
import { openTicket, ownerFor, sealTicket } from './stdio-ticket.ts'

const key = randomBytes(32).toString('base64')
const caller = { teamId: 'finance', agentId: 'reconciler-7' }

test('a ticket opens its own process with its own key, and shows nothing on the way', () => {
  const owner = ownerFor('team', caller)
  const ticket = { serverId: 'erp', owner, environment: { TOKEN: 'canary' } }
  const sealed = sealTicket(key, ticket)
  expect(openTicket(key, sealed, { serverId: 'erp', key: 'team:finance' })).toEqual(ticket)
  expect(Buffer.from(sealed, 'base64url').toString('latin1')).not.toContain('canary')
  expect(openTicket(key, sealed, { serverId: 'erp', key: 'team:sales' })).toBeNull()
  expect(openTicket(key, sealed, { serverId: 'crm', key: 'team:finance' })).toBeNull()
  expect(openTicket(randomBytes(32).toString('base64'), sealed, { serverId: 'erp', key: 'team:finance' })).toBeNull()
  const changed = Buffer.from(sealed, 'base64url')
  changed[changed.length - 1]! ^= 1
  for (const wrong of ['', 'x', changed.toString('base64url')])
    expect(openTicket(key, wrong, { serverId: 'erp', key: 'team:finance' })).toBeNull()
})

test('whose process it is follows from the boundary; what the platform asks is its own', () => {
  expect((['server', 'team', 'agent'] as const).map((boundary) => ownerFor(boundary, caller).key)).toEqual([
    'server',
    'team:finance',
    'agent:reconciler-7',
  ])
  expect(ownerFor('agent', null).key).toBe('server')
})
