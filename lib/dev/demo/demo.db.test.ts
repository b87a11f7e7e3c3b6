import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client'
import { expect } from 'vitest'
import { dbTest as baseTest } from '#lib/dev/test/db-test.ts'
import { createLog } from '#lib/log/log.ts'
import { demoServerEntries, type DemoServerId } from './catalog.ts'
import { listDemoTools } from './list-tools.ts'
import { type Demo, startDemo } from './start-demo.ts'

const token = 'test-upstream-credential-0123456789'
const now = new Date('2026-11-22T10:00:00Z')

const dbTest = baseTest
  .extend('folder', { scope: 'file' }, async ({}, { onCleanup }): Promise<string> => {
    const folder = await mkdtemp(join(tmpdir(), 'wheelhouse-demo-'))
    onCleanup(() => rm(folder, { recursive: true, force: true }))
    return folder
  })
  .extend('start', { scope: 'file' }, ({ folder, databaseUrl }): (() => Promise<Demo>) => {
    const log = createLog({ process: 'demo', level: 'silent' })
    return () => startDemo({ host: '127.0.0.1', port: 0, token, folder, databaseUrl, now: () => now, log })
  })
  .extend('demo', { scope: 'file' }, async ({ start }, { onCleanup }): Promise<Demo> => {
    const demo = await start()
    onCleanup(() => demo.stop())
    return demo
  })

for (const mode of ['auto', 'legacy'] as const) {
  dbTest(`every server lists the tools of the catalog with their classes (${mode} client)`, async ({ demo }) => {
    for (const entry of demoServerEntries) {
      await using client = await connect(demo, entry.id as DemoServerId, mode)
      const { tools } = await client.listTools()
      expect(tools).toEqual(await listDemoTools(entry))
      expect(tools.map((tool) => tool.name)).toEqual(Object.keys(entry.tools))
      for (const tool of tools) {
        const spec = entry.tools[tool.name]!
        expect(tool.annotations).toMatchObject({
          readOnlyHint: spec.class === 'read',
          destructiveHint: spec.class === 'destructive',
        })
        expect(tool).toMatchObject({ title: spec.title, description: spec.description })
        expect(tool.inputSchema).toMatchObject({ type: 'object', additionalProperties: false })
        expect(tool.outputSchema).toMatchObject({ type: 'object' })
      }
    }
  })
}

dbTest('without the upstream credential nothing is answered', async ({ demo }) => {
  for (const authorization of [undefined, 'Bearer wrong', `Basic ${token}`]) {
    const response = await fetch(`http://127.0.0.1:${demo.ports.invoices}/mcp`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...(authorization && { authorization }) },
      body: JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'tools/list' }),
    })
    expect(response.status).toBe(401)
    expect(response.headers.get('www-authenticate')).toBe('Bearer realm="invoices"')
    expect(await response.text()).toBe('')
  }
})

dbTest('400 invoices come in pages, and the planted list is nowhere', async ({ demo }) => {
  await using client = await connect(demo, 'invoices')
  const seen: Record<string, unknown>[] = []
  let cursor: string | null | undefined
  do {
    const page = await client.call('list_invoices', { limit: 100, ...(cursor && { cursor }) })
    expect(page['total']).toBe(400)
    seen.push(...(page['invoices'] as Record<string, unknown>[]))
    cursor = page['next_cursor'] as string | null
  } while (cursor)
  expect(new Set(seen.map((row) => row['id'])).size).toBe(400)
  expect(JSON.stringify(seen)).not.toMatch(/planted|mismatch/)
})

dbTest('filters narrow, and an argument that does not exist is refused', async ({ demo }) => {
  await using client = await connect(demo, 'erp')
  const open = await client.call('list_purchase_orders', { status: 'open' })
  expect(open['total']).toBe(24)
  const wrong = await client.callTool({ name: 'list_purchase_orders', arguments: { state: 'open' } })
  expect(wrong.isError).toBe(true)
  const missing = await client.callTool({ name: 'get_purchase_order', arguments: { po_number: 'PO-99999' } })
  expect(missing).toMatchObject({ isError: true, content: [{ text: 'There is no purchase order PO-99999.' }] })
})

dbTest('writes at the same time are all kept, and survive a restart', async ({ demo, start }) => {
  const ids = ['INV-10001', 'INV-10002', 'INV-10003']
  {
    await using client = await connect(demo, 'invoices')
    await Promise.all(ids.map((invoice_id) => client.call('flag_invoice', { invoice_id, reason: 'please check' })))
    await client.call('delete_invoice', { invoice_id: 'INV-10004', reason: 'test data' })
  }
  await using again = await start().then(disposable)
  await using client = await connect(again, 'invoices')
  const flagged = await client.call('list_invoices', { flagged: true })
  expect((flagged['invoices'] as { id: string }[]).map((row) => row.id)).toEqual(ids)
  const deleted = await client.callTool({ name: 'get_invoice', arguments: { invoice_id: 'INV-10004' } })
  expect(deleted.isError).toBe(true)
})

dbTest('adjustments and cancellations are kept on the order', async ({ demo }) => {
  await using client = await connect(demo, 'erp')
  const adjusted = await client.call('post_adjustment', {
    po_number: 'PO-40001',
    amount: '-12.50',
    reason: 'credit note',
  })
  expect(adjusted['purchase_order']).toMatchObject({ adjustments: [{ amount: '-12.50', reason: 'credit note' }] })
  const open = await client.call('list_purchase_orders', { status: 'open', limit: 1 })
  const [{ po_number }] = open['purchase_orders'] as [{ po_number: string }]
  const cancelled = await client.call('cancel_purchase_order', { po_number, reason: 'not needed' })
  expect(cancelled['purchase_order']).toMatchObject({ status: 'cancelled' })
})

dbTest('tickets are searched, triaged and closed; a closed one stays as it is', async ({ demo }) => {
  await using client = await connect(demo, 'tickets')
  expect(await client.call('list_tickets', { untriaged: true })).toMatchObject({ total: 26 })
  expect(await client.call('search_tickets', { query: 'complete OUTAGE' })).toMatchObject({
    tickets: expect.arrayContaining([expect.objectContaining({ title: 'Checkout is down for all our shops' })]),
  })
  const { ticket } = await client.call('update_ticket', {
    ticket_id: 'TIC-3096',
    priority: 'p2',
    assigned_team: 'payments',
  })
  expect(ticket).toMatchObject({ priority: 'p2', assigned_team: 'payments', updated_at: now.toISOString() })
  await client.call('close_ticket', { ticket_id: 'TIC-3096', resolution: 'Done.' })
  const again = await client.callTool({ name: 'update_ticket', arguments: { ticket_id: 'TIC-3096', priority: 'p1' } })
  expect(again.isError).toBe(true)
})

dbTest('the deploy log is a git repository: list, compare, record, roll back', async ({ demo }) => {
  await using client = await connect(demo, 'deploys')
  const all = await client.call('list_deploys', { service: 'ledger', environment: 'production' })
  const [newest, before] = all['deploys'] as { id: string; version: string; changes: unknown[] }[]
  expect(await client.call('list_deploys', {})).toMatchObject({ total: 60 })
  const compared = await client.call('diff_deploys', {
    from_deploy_id: before!.id,
    to_deploy_id: newest!.id,
    service: 'ledger',
  })
  expect(compared['diff']).toContain(`+version: ${newest!.version}`)
  const changes = [{ type: 'fix', text: 'Rounding of (partial) refunds', ticket: 'TIC-3003' }]
  const input = {
    service: 'ledger',
    version: '9.0.0',
    environment: 'production',
    deployed_by: 'Release bot',
    replicas: 3,
    changes,
  }
  const recorded = await Promise.all([
    client.call('record_deploy', input),
    client.call('record_deploy', { ...input, version: '9.0.1' }),
  ])
  expect(recorded[0]['deploy']).toMatchObject({ changes, deployed_at: now.toISOString(), kind: 'deploy' })
  const back = await client.call('rollback', { deploy_id: newest!.id, reason: 'errors doubled' })
  expect(back['deploy']).toMatchObject({ kind: 'rollback', version: newest!.version })
  const { configuration } = await client.call('get_deploy', { deploy_id: (back['deploy'] as { id: string }).id })
  expect(configuration).toContain(`version: ${newest!.version}`)
  expect(await client.call('list_deploys', {})).toMatchObject({ total: 63 })
})

dbTest(
  'billing is read from views in a read-only transaction, and nothing but known names gets into the SQL',
  async ({ demo, db }) => {
    await using client = await connect(demo, 'billing-db')
    const owing = await client.call('query', {
      view: 'accounts',
      columns: ['account_id', 'balance'],
      where: [{ column: 'balance', is: '>', value: 0 }],
      order_by: { column: 'balance', descending: true },
      limit: 3,
    })
    expect(owing).toMatchObject({ truncated: true, rows: [{ account_id: expect.any(String) }, {}, {}] })
    for (const input of [
      { view: 'accounts', columns: ['account_id" from pg_shadow --'] },
      { view: 'accounts', where: [{ column: 'name', is: '= 1 or 1', value: 1 }] },
      { view: 'pg_shadow' },
    ])
      expect((await client.callTool({ name: 'query', arguments: input })).isError).toBe(true)
    const injected = await client.call('query', {
      view: 'accounts',
      where: [{ column: 'name', is: '=', value: `' or true --` }],
    })
    expect(injected['rows']).toEqual([])

    const { account_id, balance } = (owing['rows'] as { account_id: string; balance: string }[])[0]!
    const credit = await client.call('apply_credit', { account_id, amount: '10.00', reason: 'goodwill' })
    expect(Number(credit['balance'])).toBeCloseTo(Number(balance) - 10)
    await client.call('delete_account', { account_id, reason: 'closed' })
    const rows = await db.$queryRaw<unknown[]>`select 1 from demo_billing.account_row where account_id = ${account_id}`
    expect(rows).toHaveLength(0)
  },
)

dbTest('contacts belong to an account and can be removed', async ({ demo }) => {
  await using client = await connect(demo, 'crm')
  const { contacts } = await client.call('list_contacts', { account_id: 'ACC-2001' })
  const [{ id }] = contacts as [{ id: string }]
  await client.call('delete_contact', { contact_id: id, reason: 'left the company' })
  const after = await client.call('list_contacts', { account_id: 'ACC-2001' })
  expect(after['total']).toBe((contacts as unknown[]).length - 1)
  const updated = await client.call('update_account', { account_id: 'ACC-2001', health: 'risk' })
  expect(updated['account']).toMatchObject({ id: 'ACC-2001', health: 'risk' })
})

class TestClient extends Client {
  async call(name: string, args: Record<string, unknown>): Promise<Record<string, unknown>> {
    const result = await this.callTool({ name, arguments: args })
    const text = JSON.stringify(result.structuredContent)
    const [block] = result.content
    if (result.isError || block?.type !== 'text' || block.text !== text) throw new Error(JSON.stringify(result.content))
    return result.structuredContent as Record<string, unknown>
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }
}

async function connect(demo: Demo, id: DemoServerId, mode: 'auto' | 'legacy' = 'auto'): Promise<TestClient> {
  const client = new TestClient({ name: 'test', version: '1.0.0' }, { versionNegotiation: { mode } })
  const url = new URL(`http://127.0.0.1:${demo.ports[id]}/mcp`)
  await client.connect(new StreamableHTTPClientTransport(url, { authProvider: { token: async () => token } }))
  return client
}

function disposable(demo: Demo) {
  return { ...demo, [Symbol.asyncDispose]: () => demo.stop() }
}
