import { randomBytes, randomUUID } from 'node:crypto'
import { expect } from 'vitest'
import { sealContexts } from '#lib/core/seal-contexts.ts'
import { createSecretBox } from '#lib/core/secret-box.ts'
import { dbTest } from '#lib/dev/test/db-test.ts'
import { auditOf, ctxFor, makePerson } from '#lib/dev/test/fleet.ts'
import { makeServer } from '#lib/dev/test/registry.ts'
import {
  approveTools,
  classifyTool,
  createTeam,
  importServer,
  recordServerTools,
  registerServer,
  rejectTool,
  requestPackage,
  requestServerProbe,
  runServerProbe,
  setServerCredential,
  updateServer,
} from './commands.ts'
import { getPackageFetch, getServer, getServerProbe, listServerApprovers } from './queries.ts'
import { importServerInput, registerServerInput, setServerCredentialInput } from './schema.ts'

const secretBox = createSecretBox(randomBytes(32).toString('base64'))
const clientToken = () => Promise.reject(new Error('none'))
const serverInput = (id: string) =>
  registerServerInput.parse({
    id,
    name: 'ERP',
    url: 'https://erp.example.test/mcp',
    environment: 'production',
    sensitivity: 'confidential',
    acknowledged: ['not_probed'],
  })

dbTest('two people register the same id at once: one does, the other is told', async ({ db }) => {
  const ctx = ctxFor(db, await makePerson(db, { roles: ['platform_admin'] }))
  for (const attempt of [
    () => createTeam(ctx, { id: 'twice', name: 'Twice', costCenter: null }),
    () => registerServer(ctx, serverInput('twice')),
  ]) {
    const outcomes = await Promise.allSettled([attempt(), attempt()])
    const refused = outcomes.filter((outcome) => outcome.status === 'rejected')
    expect(refused).toHaveLength(1)
    expect(refused[0]?.reason).toMatchObject({ code: 'conflict', details: { rule: 'registry:id_taken' } })
  }
  expect((await auditOf(db, 'twice')).map(({ event }) => event)).toEqual(['team.created', 'server.created'])
})

dbTest('a change of a server is recorded with before and after; no change writes nothing', async ({ db }) => {
  const ctx = ctxFor(db, await makePerson(db, { roles: ['security'] }))
  const id = await makeServer(db)
  await updateServer(ctx, { id, environment: 'production', name: `Server ${id}` })
  await updateServer(ctx, { id, environment: 'production' })
  expect(await auditOf(db, id)).toEqual([
    {
      event: 'server.updated',
      rule: null,
      detail: { before: { environment: 'staging' }, after: { environment: 'production' } },
    },
  ])
  await expect(updateServer(ctx, { id: 'nowhere' })).rejects.toMatchObject({ code: 'not_found' })
})

dbTest('the approver of a server is somebody who may decide about its tools', async ({ db }) => {
  const security = await makePerson(db, { roles: ['security'] })
  const builder = await makePerson(db, { roles: ['builder'] })
  const ctx = ctxFor(db, security)
  const id = await makeServer(db)
  await updateServer(ctx, { id, approverId: security.id })
  expect((await getServer(ctx, id)).approver).toEqual({ id: security.id, name: security.name })
  expect(await listServerApprovers(ctx)).toContainEqual({ id: security.id, name: security.name })
  expect((await listServerApprovers(ctx)).map((person) => person.id)).not.toContain(builder.id)
  for (const approverId of [builder.id, crypto.randomUUID()]) {
    await expect(updateServer(ctx, { id, approverId })).rejects.toMatchObject({
      code: 'invalid',
      details: { field: 'approverId', rule: 'registry:approver_may_not' },
    })
  }
  await db.person.update({ where: { id: security.id }, data: { active: false } })
  const other = await makeServer(db)
  await expect(updateServer(ctx, { id: other, approverId: security.id })).rejects.toMatchObject({ code: 'invalid' })
  await updateServer(ctx, { id, approverId: null })
  expect((await getServer(ctx, id)).approver).toBeNull()
  expect(await auditOf(db, id)).toMatchObject([
    { event: 'server.updated', detail: { after: { approverId: security.id } } },
    { event: 'server.updated', detail: { before: { approverId: security.id }, after: { approverId: null } } },
  ])
  await expect(listServerApprovers(ctxFor(db, builder))).rejects.toMatchObject({ code: 'forbidden' })
})

dbTest(
  'a credential is sealed for its server alone, can be replaced, and is never shown or recorded',
  async ({ db }) => {
    const ctx = ctxFor(db, await makePerson(db, { roles: ['security'] }))
    const id = await makeServer(db)
    for (const secret of ['first-secret', 'second-secret']) {
      await setServerCredential(ctx, { input: { serverId: id, kind: 'bearer', secret }, secretBox })
    }
    const row = await db.upstreamCredential.findFirstOrThrow({ where: { serverId: id } })
    expect(Buffer.from(row.ciphertext).toString('latin1')).not.toContain('second-secret')
    expect(await secretBox.open(row.ciphertext, sealContexts.upstreamCredential(id))).toBe('second-secret')
    await expect(secretBox.open(row.ciphertext, sealContexts.upstreamCredential('other'))).rejects.toThrow(
      /authenticate/,
    )
    expect(JSON.stringify([await getServer(ctx, id), await auditOf(db, id)])).not.toContain('second-secret')
    expect(await auditOf(db, id)).toMatchObject([
      { event: 'server.credential_set', detail: { kind: 'bearer' } },
      { event: 'server.credential_set' },
    ])
    expect(setServerCredentialInput.safeParse({ serverId: id, kind: 'header', secret: 'x' }).success).toBe(false)
    expect(setServerCredentialInput.safeParse({ serverId: id, kind: 'bearer', secret: 'a\r\nb: c' }).success).toBe(
      false,
    )
  },
)

dbTest('a server that is moved to another origin does not take its credential along', async ({ db }) => {
  const ctx = ctxFor(db, await makePerson(db, { roles: ['platform_admin'] }))
  await registerServer(ctx, serverInput('moved'))
  await db.mcpServer.update({ where: { id: 'moved' }, data: { demo: true } })
  await setServerCredential(ctx, { input: { serverId: 'moved', kind: 'bearer', secret: 'kept' }, secretBox })

  await updateServer(ctx, { id: 'moved', url: 'https://erp.example.test/other', acknowledged: ['not_probed'] })
  expect((await getServer(ctx, 'moved')).credentials).toHaveLength(1)

  await updateServer(ctx, {
    id: 'moved',
    url: 'https://elsewhere.example.test/mcp',
    acknowledged: ['not_probed'],
  })
  const server = await getServer(ctx, 'moved')
  expect(server.credentials).toEqual([])
  expect(server.demo).toBe(false)
  const events = await db.auditEvent.findMany({ where: { serverId: 'moved' }, orderBy: { seq: 'asc' } })
  expect(events.map(({ event }) => event)).toEqual([
    'server.created',
    'server.credential_set',
    'server.updated',
    'server.updated',
    'server.credential_removed',
  ])
})

dbTest('a server is an address or a program, never both, and keeps its kind', async ({ db }) => {
  const person = await makePerson(db, { roles: ['platform_admin'] })
  const ctx = ctxFor(db, person)
  const { url, ...rest } = serverInput('program')
  const command = { command: 'mcp-files', args: ['--root', '/data'], env: ['FILES_TOKEN'] }
  await registerServer(ctx, registerServerInput.parse({ ...rest, transport: 'stdio', command }))
  expect(await getServer(ctx, 'program')).toMatchObject({ transport: 'stdio', url: '', command })
  expect(await db.mcpServer.findUnique({ where: { id: 'program' } })).toMatchObject({ approverId: person.id })
  await setServerCredential(ctx, { input: { serverId: 'program', kind: 'bearer', secret: 'kept' }, secretBox })
  await updateServer(ctx, { id: 'program', command: { ...command } })
  expect((await getServer(ctx, 'program')).credentials).toHaveLength(1)
  const other = { id: 'program', command: { ...command, args: [] } }
  await expect(updateServer(ctx, other)).rejects.toMatchObject({ details: { findings: ['not_probed'] } })
  await updateServer(ctx, { ...other, acknowledged: ['not_probed'] })
  expect((await getServer(ctx, 'program')).credentials).toEqual([])
  const events = (await auditOf(db, 'program')).map(({ event }) => event)
  expect(events).toEqual(['server.created', 'server.credential_set', 'server.updated', 'server.credential_removed'])
  await expect(updateServer(ctx, { id: 'program', url: url! })).rejects.toMatchObject({
    details: { field: 'url', rule: 'registry:transport_fixed' },
  })

  const fields = (input: object) =>
    registerServerInput.safeParse({ ...rest, ...input }).error?.issues.map((issue) => issue.path.join('.'))
  expect(fields({})).toEqual(['url'])
  expect(fields({ url, command })).toEqual(['command'])
  expect(fields({ transport: 'stdio', url })).toEqual(['command', 'url'])
  expect(fields({ transport: 'stdio', command: { command: 'x', env: ['LD_PRELOAD'] } })).toEqual(['command.env.0'])
  expect(fields({ transport: 'stdio', command: { command: 'x', args: ['a\0'] } })).toEqual(['command.args.0'])
  await expect(db.mcpServer.create({ data: { ...rest, id: 'neither', url: '', transport: 'http' } })).rejects.toThrow(
    /mcp_server_transport/,
  )
})

dbTest(
  'a probe of a program counts for the server whose folder it was started in, and for no other',
  async ({ db }) => {
    const person = await makePerson(db, { roles: ['security'] })
    const ctx = ctxFor(db, person)
    const { url: _url, ...rest } = serverInput('probed')
    const command = { command: 'node', args: ['server.mjs'], env: [] }
    const register = (id: string) =>
      registerServer(ctx, registerServerInput.parse({ ...rest, id, transport: 'stdio', command, acknowledged: [] }))
    for (const folder of ['probed', null]) {
      const report = { reachable: true, findings: [] }
      const ended = { report, createdAt: ctx.now, finishedAt: ctx.now, requestedById: person.id }
      await db.serverProbe.create({ data: { id: randomUUID(), url: '', command, folder, ...ended } })
    }
    await register('probed')
    const refused = { details: { rule: 'registry:finding_open', findings: ['not_probed'] } }
    await expect(register('other')).rejects.toMatchObject(refused)
    await makeServer(db, { id: 'moves', transport: 'stdio', url: '', command: { ...command, args: ['other.mjs'] } })
    await expect(updateServer(ctx, { id: 'moves', command })).rejects.toMatchObject(refused)
  },
)

dbTest('what guards a server less is accepted by name, and some addresses never are', async ({ db }) => {
  const ada = await makePerson(db, { roles: ['security'], name: 'Ada' })
  const ctx = ctxFor(db, ada)
  const at = (id: string, url: string, acknowledged: string[]) =>
    registerServer(ctx, registerServerInput.parse({ ...serverInput(id), url, acknowledged }))
  await expect(at('open', 'http://10.0.0.7/mcp', ['not_probed'])).rejects.toMatchObject({
    code: 'invalid',
    details: { field: 'acknowledged', findings: ['plain_http', 'private_address'] },
  })
  await at('open', 'http://10.0.0.7/mcp', ['not_probed', 'plain_http', 'private_address'])
  const row = await db.mcpServer.findUniqueOrThrow({ where: { id: 'open' } })
  expect(row.acknowledged).toEqual(
    ['plain_http', 'private_address', 'not_probed'].map((finding) => ({
      finding,
      byId: ada.id,
      byName: 'Ada',
      at: ctx.now.toISOString(),
    })),
  )
  const everything = ['not_probed', 'plain_http', 'private_address', 'loopback_address']
  for (const host of [
    '169.254.169.254',
    '[fe80::1]',
    '[::ffff:169.254.169.254]',
    'metadata.google.internal',
    '0xA9FEA9FE',
  ]) {
    const url = `http://${host}/latest`
    await expect(at('metadata', url, everything)).rejects.toMatchObject({
      details: { rule: 'registry:address_refused' },
    })
    await expect(updateServer(ctx, { id: 'open', url, acknowledged: [] })).rejects.toMatchObject({
      details: { rule: 'registry:address_refused' },
    })
  }
  await expect(updateServer(ctx, { id: 'open', url: 'http://127.0.0.1/mcp' })).rejects.toMatchObject({
    details: { rule: 'registry:finding_open' },
  })
})

dbTest('only those who manage servers or teams change them, and a refusal changes nothing', async ({ db }) => {
  const ctx = ctxFor(db, await makePerson(db, { roles: ['builder', 'team_lead', 'finance', 'on_call'] }))
  const id = await makeServer(db)
  const attempts = [
    () => registerServer(ctx, serverInput('mine')),
    () => importServer(ctx, importServerInput.parse({ text: '{}', environment: 'staging', sensitivity: 'public' })),
    () => requestServerProbe(ctx, { input: { url: 'https://a.example' }, secretBox }),
    () =>
      runServerProbe(ctx, {
        probeId: crypto.randomUUID(),
        secretBox,
        allowLinkLocal: false,
        programs: null,
        clientToken,
        namedIssuer: clientToken,
      }),
    () => getServerProbe(ctx, crypto.randomUUID()),
    () => requestPackage(ctx, { name: 'files', version: '1.0.0' }),
    () => getPackageFetch(ctx, crypto.randomUUID()),
    () => updateServer(ctx, { id, status: 'disabled', reason: 'It leaks.' }),
    () => setServerCredential(ctx, { input: { serverId: id, kind: 'bearer', secret: 'x' }, secretBox }),
    () => classifyTool(ctx, { serverId: id, name: 'look', class: 'write', reason: 'it writes' }),
    () => approveTools(ctx, { serverId: id, tools: [{ name: 'look', definitionHash: 'hash-of-look' }] }),
    () => rejectTool(ctx, { serverId: id, name: 'look', definitionHash: 'hash-of-look', reason: 'no' }),
    () => recordServerTools(ctx, { serverId: id, tools: [], newToolState: 'approved', seenBy: 'test' }),
    () => createTeam(ctx, { id: 'mine', name: 'Mine', costCenter: null }),
  ]
  for (const attempt of attempts) await expect(attempt()).rejects.toMatchObject({ code: 'forbidden' })
  expect(await auditOf(db, id)).toEqual([])
  expect(await db.team.count({ where: { id: 'mine' } })).toBe(0)
})
