import { expect, test } from 'vitest'
import { toolsetChange } from './toolsets.ts'

const at = (hour: number) => new Date(Date.UTC(2026, 10, 22, hour))
const tools = [
  { serverId: 'erp', name: 'look', class: 'read' },
  { serverId: 'erp', name: 'change', class: 'write' },
  { serverId: 'crm', name: 'find', class: 'read' },
] as const
const grant = {
  serverId: 'erp',
  class: 'write',
  toolName: null,
  createdAt: at(1),
  revokedAt: null,
  expiresAt: null,
} as const
const change = (grants: Parameters<typeof toolsetChange>[1]['grants'], servers = ['erp', 'crm']) =>
  toolsetChange({ beganAt: at(5), servers }, { grants, tools, now: at(9) })

test('a session lists what it began with: what ended since is refused, what came since is not listed', () => {
  expect(change([grant])).toEqual({ lost: [], gained: [] })
  const narrowed = { ...grant, class: 'read', toolName: 'look', createdAt: at(7) } as const
  expect(change([{ ...grant, revokedAt: at(7) }, narrowed])).toEqual({
    lost: [{ serverId: 'erp', tools: ['change'], since: at(7).toISOString() }],
    gained: [],
  })
  expect(change([{ ...grant, expiresAt: at(8), revokedAt: at(9) }]).lost).toEqual([
    { serverId: 'erp', tools: ['change', 'look'], since: at(8).toISOString() },
  ])
  expect(change([{ ...grant, serverId: 'crm', createdAt: at(6) }]).gained).toEqual([
    { serverId: 'crm', tools: ['find'] },
  ])
})

test('what ended before it began, and servers that its version does not know, are nothing to it', () => {
  expect(change([{ ...grant, revokedAt: at(4) }])).toEqual({ lost: [], gained: [] })
  expect(change([{ ...grant, revokedAt: at(7) }], ['crm'])).toEqual({ lost: [], gained: [] })
})
