import { parse } from 'csv-parse/sync'
import { expect, test } from 'vitest'
import type { AgentRow } from '#lib/registry/schema.ts'
import { catalogColumns } from '#lib/registry/schema/columns.ts'
import { agentsCsv } from './agents-csv.ts'

const row: AgentRow = {
  id: 'poster',
  name: 'Poster',
  purpose: 'posts',
  status: 'active',
  tier: 'high',
  owner: { id: 'finance', name: 'Finance' },
  accountable: { id: 'p', name: 'Ada', active: false },
  template: { id: 'reconciler', version: '1.0.0', latest: '1.2.0' },
  model: 'claude-sonnet-5-5',
  version: 1,
  schedule: null,
  scopes: [
    { serverId: 'erp', environment: 'production', class: 'write', toolName: null, expiresAt: null },
    { serverId: 'crm', environment: 'staging', class: 'read', toolName: 'look', expiresAt: null },
  ],
  monthlyRuns: 0,
  cost30dMicros: '8200000',
  unpricedRequests: 0,
  escalationRate: null,
  lastReviewedAt: null,
  nextReviewAt: null,
  lastRunDay: null,
  createdAt: '2026-11-01T08:00:00.000Z',
  demo: false,
}

function read(rows: AgentRow[]): Record<string, string>[] {
  return parse([...agentsCsv(rows, catalogColumns)].join(''), { columns: true })
}

test('a table says what the page says: who has left, what is out, and where each scope reaches', () => {
  const current = { ...row, accountable: { ...row.accountable, active: true } }
  const retired = { ...row, status: 'retired' as const }
  const newest = { ...current, template: { ...row.template, latest: '1.0.0' } }
  expect(read([row, newest, retired])).toMatchObject([
    {
      accountable_active: 'no',
      orphaned: 'yes',
      template_newer: '1.2.0',
      scopes: 'erp:write crm:look',
      scope_environments: 'production staging',
      registered: '2026-11-01T08:00:00.000Z',
    },
    { accountable_active: 'yes', orphaned: 'no', template_newer: '' },
    { accountable_active: 'no', orphaned: 'no' },
  ])
})
