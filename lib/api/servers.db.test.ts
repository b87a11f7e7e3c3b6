import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished } from 'vitest'
import { permissions as allPermissions, type Role } from '#lib/auth/permissions.ts'
import { type CallOptions, makeToken, openApiPortal } from '#lib/dev/test/api-portal.ts'
import { dbTest } from '#lib/dev/test/db-test.ts'
import { auditOf, makePerson } from '#lib/dev/test/fleet.ts'
import { makeServer } from '#lib/dev/test/registry.ts'
import { startCli } from '#lib/dev/test/run-cli.ts'

const apiTest = dbTest.extend('portal', { scope: 'file' }, async ({ database }) => await openApiPortal(database))

async function someone(
  { db, portal }: { db: Parameters<typeof makePerson>[0]; portal: Awaited<ReturnType<typeof openApiPortal>> },
  role: Role,
) {
  const person = await makePerson(db, { roles: [role] })
  const token = await makeToken(db, { personId: person.id, permissions: allPermissions })
  const call = async (method: NonNullable<CallOptions['method']>, path: string, body?: unknown) => {
    const response = await portal.fetch(`/api/v1/servers${path}`, {
      token,
      method,
      ...(body === undefined ? {} : { body }),
    })
    const text = await response.text()
    return { status: response.status, body: (text ? JSON.parse(text) : null) as Record<string, unknown> }
  }
  return { call, token }
}

const place = { environment: 'staging', sensitivity: 'internal' }
const erp = { id: 'erp-api', name: 'ERP', url: 'https://erp.example.test/mcp', ...place }

apiTest('servers are registered, switched off and imported, each with its refusals', async ({ db, portal }) => {
  const { call } = await someone({ db, portal }, 'security')
  expect(await call('POST', '', erp)).toMatchObject({ status: 422, body: { rule: 'registry:finding_open' } })
  expect(await call('POST', '', { ...erp, acknowledged: ['not_probed'] })).toMatchObject({
    status: 201,
    body: { id: 'erp-api' },
  })
  expect(await call('PATCH', '/erp-api', { status: 'disabled' })).toMatchObject({
    status: 422,
    body: { rule: 'registry:reason_needed' },
  })
  const reason = 'Its certificate was stolen.'
  expect((await call('PATCH', '/erp-api', { status: 'disabled', reason })).body).toEqual({ waits: false })
  expect((await call('GET', '/erp-api')).body).toMatchObject({
    status: 'disabled',
    statusReason: reason,
    approver: expect.anything(),
  })
  const text = JSON.stringify({
    name: 'io.github.acme/notes',
    description: 'Notes.',
    version: '1.0.0',
    remotes: [{ type: 'streamable-http', url: 'https://notes.acme.example/mcp' }],
  })
  expect(await call('POST', '/import', { text, ...place, acknowledged: ['not_probed'] })).toMatchObject({
    status: 201,
    body: { id: 'notes' },
  })
  expect(await call('POST', '/import', { text: '[]', ...place })).toMatchObject({
    status: 422,
    body: { rule: 'registry:server_json' },
  })
  const made = await call('POST', '/probes', { url: 'https://erp.example.test/mcp' })
  expect(await call('GET', `/probes/${String(made.body['probeId'])}`)).toMatchObject({
    status: 200,
    body: { report: null },
  })
  expect(await call('POST', '', { ...erp, id: 'probes', acknowledged: ['not_probed'] })).toMatchObject({ status: 422 })
  expect((await auditOf(db, 'erp-api')).map(({ event }) => event)).toEqual(['server.created', 'server.updated'])
})

apiTest('tools are decided about by the hash that was read', async ({ db, portal }) => {
  const { call } = await someone({ db, portal }, 'security')
  const id = await makeServer(db, { tools: { pay: { class: 'write', state: 'quarantined' } } })
  expect((await call('GET', '/reviews')).body['items']).toContainEqual(expect.objectContaining({ tool: 'pay' }))
  const tools = (definitionHash: string) => ({ tools: [{ name: 'pay', definitionHash }] })
  expect(await call('POST', `/${id}/approve`, tools('another'))).toMatchObject({
    status: 409,
    body: { rule: 'registry:tool_changed' },
  })
  expect((await call('POST', `/${id}/approve`, tools('hash-of-pay'))).body).toEqual({ approved: ['pay'], waits: [] })
  expect(
    (await call('POST', `/${id}/classify`, { name: 'pay', class: 'destructive', reason: 'It pays.' })).body,
  ).toEqual({ waits: false })
  expect(
    (await call('POST', `/${id}/reject`, { name: 'pay', definitionHash: 'hash-of-pay', reason: 'Not any more.' }))
      .status,
  ).toBe(204)
  const tool = await call('GET', `/${id}/tools/pay`)
  expect(tool.body).toMatchObject({ state: 'quarantined', class: 'destructive', rejected: true })
  expect((tool.body['history'] as unknown[]).length).toBe(3)
})

apiTest('whoever does not manage servers is refused, with the permission named', async ({ db, portal }) => {
  const { call } = await someone({ db, portal }, 'team_lead')
  const id = await makeServer(db)
  const hash = { definitionHash: 'hash-of-look' }
  for (const [method, path, body] of [
    ['POST', '', erp],
    ['PATCH', `/${id}`, { status: 'disabled', reason: 'none of mine' }],
    ['POST', '/import', { text: '{}', ...place }],
    ['POST', '/packages', { name: 'files', version: '1.0.0' }],
    ['GET', `/packages/${crypto.randomUUID()}`, undefined],
    ['POST', '/probes', { url: 'https://a.example' }],
    ['GET', `/probes/${crypto.randomUUID()}`, undefined],
    ['POST', `/${id}/approve`, { tools: [{ name: 'look', ...hash }] }],
    ['POST', `/${id}/reject`, { name: 'look', ...hash, reason: 'none of mine' }],
    ['POST', `/${id}/classify`, { name: 'look', class: 'read', reason: 'none of mine' }],
  ] as const) {
    expect([path, await call(method, path, body)]).toMatchObject([
      path,
      { status: 403, body: { rule: 'permission:servers:manage' } },
    ])
  }
  expect(await auditOf(db, id)).toEqual([])
})

// Each line starts a program of its own, which takes a while on a busy machine.
apiTest('the command line does the same', { timeout: 90_000 }, async ({ db, portal }) => {
  const { token } = await someone({ db, portal }, 'platform_admin')
  await using server = await disposable(portal)
  const home = await mkdtemp(join(tmpdir(), 'wheelhouse-cli-'))
  onTestFinished(() => rm(home, { recursive: true, force: true }))
  const run = (args: string[], input?: string) =>
    startCli(['servers', ...args], {
      home,
      env: { WHEELHOUSE_URL: server.url, WHEELHOUSE_TOKEN: token },
      ...(input ? { input } : {}),
    }).ended
  const where = ['--environment', 'staging', '--data', 'internal']
  const refused = await run(['register', 'cli-files', '--address', 'http://10.0.0.9/mcp', ...where])
  expect(refused).toMatchObject({ code: 1, err: expect.stringContaining('plain_http') })
  const unsaid = await run(['register', 'cli-files', '--address', 'https://a.example', '--environment', 'staging'])
  expect(unsaid).toMatchObject({ code: 2, err: expect.stringContaining('--sensitivity') })
  const command = ['--', 'npx', '-y', '@acme/files@1.0.0']
  const unseen = await run(['register', 'cli-files', ...where, ...command])
  expect(unseen).toMatchObject({ code: 1, err: expect.stringContaining('fetches_package') })
  const accept = ['--accept', 'fetches_package', '--accept', 'not_probed']
  expect(await run(['register', 'cli-files', ...where, ...accept, ...command])).toMatchObject({
    code: 0,
    out: expect.stringContaining('is registered'),
  })
  expect(await run(['disable', 'cli-files'])).toMatchObject({ code: 2, err: expect.stringContaining('--reason') })
  expect(await run(['disable', 'cli-files', '--reason', 'It reads too much.'])).toMatchObject({
    code: 0,
    out: 'cli-files is disabled.\n',
  })
  expect(await run(['show', 'cli-files'])).toMatchObject({
    out: expect.stringContaining('disabled: It reads too much.'),
  })
  const file = {
    name: 'io.github.acme/cli-notes',
    description: 'Notes.',
    version: '1.0.0',
    remotes: [{ type: 'streamable-http', url: 'https://cli-notes.acme.example/mcp' }],
  }
  expect(await run(['import', '-', ...where, ...accept], JSON.stringify(file))).toMatchObject({
    code: 0,
    out: expect.stringContaining('cli-notes is registered'),
  })
  const id = await makeServer(db, { tools: { pay: { class: 'write', state: 'quarantined' } } })
  expect(await run(['reviews'])).toMatchObject({ out: expect.stringContaining('pay') })
  expect(await run(['tool', id, 'pay'])).toMatchObject({ out: expect.stringContaining('hash-of-pay') })
  expect(await run(['approve', id, 'pay', '--hash', 'hash-of-pay'])).toMatchObject({
    code: 0,
    out: 'pay is approved.\n',
  })
  expect(await run(['classify', id, 'pay', 'read', '--reason', 'It only looks.'])).toMatchObject({
    code: 0,
    out: expect.stringContaining('pay stays as it is.'),
  })
  const open = await db.loosening.findFirstOrThrow({ where: { serverId: id } })
  expect(await run(['loosenings'])).toMatchObject({ out: expect.stringContaining(open.id) })
  expect(await run(['confirm', open.id])).toMatchObject({ err: expect.stringContaining('You proposed it') })
  await db.loosening.update({ where: { id: open.id }, data: { proposedById: crypto.randomUUID() } })
  expect(await run(['confirm', open.id])).toMatchObject({ code: 0 })
  expect(await run(['reject', id, 'pay', '--hash', 'hash-of-pay', '--reason', 'It pays twice.'])).toMatchObject({
    code: 0,
  })
  expect((await auditOf(db, id)).map(({ event }) => event)).toEqual([
    'tool.approved',
    'server.loosening_proposed',
    'server.loosening_confirmed',
    'tool.classified',
    'tool.rejected',
  ])
})

async function disposable(portal: Awaited<ReturnType<typeof openApiPortal>>) {
  const { url, close } = await portal.listen()
  return { url, [Symbol.asyncDispose]: close }
}
