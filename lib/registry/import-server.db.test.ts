import { randomBytes } from 'node:crypto'
import { expect } from 'vitest'
import { createSecretBox } from '#lib/core/secret-box.ts'
import { dbTest } from '#lib/dev/test/db-test.ts'
import { auditOf, ctxFor, makePerson } from '#lib/dev/test/fleet.ts'
import { importServer, requestServerProbe, updateServer } from './commands.ts'
import { getServer } from './queries.ts'
import { importServerInput } from './schema.ts'

const secretBox = createSecretBox(randomBytes(32).toString('base64'))

dbTest('a server.json is registered as it says, or refused with line and field', async ({ db }) => {
  const ctx = ctxFor(db, await makePerson(db, { roles: ['security'] }))
  const file = {
    name: 'io.github.acme/ledger-tools',
    description: 'Reads the ledger.',
    version: '2.0.1',
    remotes: [
      {
        type: 'streamable-http',
        url: 'https://ledger.acme.example/mcp',
        headers: [{ name: 'X-Region', value: 'eu' }],
      },
    ],
    packages: [
      {
        registryType: 'npm',
        identifier: '@acme/ledger',
        version: '2.0.1',
        transport: { type: 'stdio' },
        packageArguments: [{ type: 'named', name: '--book', isRequired: true }],
        environmentVariables: [{ name: 'LEDGER_TOKEN', isRequired: true, isSecret: true }],
      },
    ],
  }
  const reference = {
    name: '@acme/ledger',
    version: '2.0.1',
    integrity: `sha512-${'A'.repeat(86)}==`,
    lock: 'a'.repeat(64),
  }
  const fetched = async (version: string) => {
    const facts = { programs: ['ledger', 'ledger-admin'], packages: 1, bytes: 1, scripts: [] }
    const { name, integrity, lock: lockDigest } = reference
    const id = crypto.randomUUID()
    await db.fetchedPackage.create({ data: { id, name, version, integrity, lockDigest, facts, requestedById: 'me' } })
    return id
  }
  const packageId = await fetched('2.0.1')
  const place = { environment: 'staging', sensitivity: 'internal', acknowledged: ['not_probed'] }
  const run = (text: string, option = 0, more: object = {}) =>
    importServer(ctx, importServerInput.parse({ text, option, ...place, ...more }))
  expect(await run(JSON.stringify(file))).toEqual({
    id: 'ledger-tools',
    credentialHeader: null,
    leftOutHeaders: ['X-Region'],
    variables: [],
  })
  const values = { '--book': 'main' }
  const asPackage = (more: object) => run(JSON.stringify(file), 1, { id: 'ledger-program', packageId, values, ...more })
  const refusals: [more: object, field: string, message: RegExp][] = [
    [{ packageId: undefined }, 'packageId', /Fetch @acme\/ledger@2\.0\.1 first/],
    [{ packageId: await fetched('2.0.2') }, 'packageId', /What was fetched is not/],
    [{ values: {} }, 'values.--book', /Say what --book is/],
    [{ program: 'other' }, 'command.command', /has no program other; it has ledger, ledger-admin/],
    [{ acknowledged: [] }, 'acknowledged', /not_probed/],
  ]
  for (const [more, field, message] of refusals) {
    await expect(asPackage(more)).rejects.toMatchObject({
      message: expect.stringMatching(message),
      details: { field },
    })
  }
  expect(await asPackage({})).toMatchObject({ variables: [{ name: 'LEDGER_TOKEN', isRequired: true, isSecret: true }] })
  expect(await getServer(ctx, 'ledger-program')).toMatchObject({
    transport: 'stdio',
    command: { command: 'ledger', args: ['--book=main'], env: ['LEDGER_TOKEN'], package: reference },
  })
  const other = { ...reference, integrity: `sha512-${'B'.repeat(86)}==` }
  const command = { command: 'ledger', args: [], env: [], package: other }
  const unknown = { details: { field: 'command.package', rule: 'registry:package_unknown' } }
  await expect(updateServer(ctx, { id: 'ledger-program', command })).rejects.toMatchObject(unknown)
  await expect(requestServerProbe(ctx, { input: { command }, secretBox })).rejects.toMatchObject(unknown)
  expect((await auditOf(db, 'ledger-tools'))[0]!.detail).toMatchObject({
    via: 'server.json of io.github.acme/ledger-tools 2.0.1',
  })
  await expect(run('{\n "name": "x"\n}')).rejects.toMatchObject({
    message: expect.stringContaining('Line 2, column 10, name'),
  })
  await expect(run(JSON.stringify(file), 7)).rejects.toMatchObject({ details: { field: 'option' } })
})
