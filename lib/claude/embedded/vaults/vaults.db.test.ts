import { createSecretBox } from '#lib/core/secret-box.ts'
import { expect } from 'vitest'
import { dbTest } from '#lib/dev/test/db-test.ts'
import { worldFixture } from '../testing/fixtures.ts'
import { keys } from '../testing/world.ts'
import { bearerFor, normalizeUrl } from './credentials.ts'

const worldTest = dbTest.extend('world', { scope: 'file' }, worldFixture)

const secret = 'a-very-secret-bearer-token'
const url = 'http://localhost:7400/mcp/erp'

worldTest('a secret is never returned, in no answer, and not readable in the database', async ({ world, db }) => {
  const { vaults } = world.client.beta
  const vault = await vaults.create({ display_name: 'run 1', metadata: { run: '1' } })
  const auth = { type: 'static_bearer' as const, mcp_server_url: url, token: secret }
  const made = await vaults.credentials.create(vault.id, { display_name: 'erp', auth })
  const listed = []
  for await (const credential of vaults.credentials.list(vault.id)) listed.push(credential)
  const updated = await vaults.credentials.update(made.id, {
    vault_id: vault.id,
    auth: { type: 'static_bearer', token: `${secret}-2` },
  })
  const read = await vaults.credentials.retrieve(made.id, { vault_id: vault.id })
  expect(made.auth).toEqual({ type: 'static_bearer', mcp_server_url: url })
  for (const answer of [vault, made, listed, updated, read]) expect(JSON.stringify(answer)).not.toContain(secret)

  const row = await db.embCredential.findUniqueOrThrow({ where: { id: made.id } })
  expect(Buffer.from(row.secret).includes(secret)).toBe(false)
  expect(JSON.stringify(row.auth)).not.toContain(secret)
})

worldTest('a sealed secret opens only in its own row', async ({ world, db }) => {
  const { vaults } = world.client.beta
  const box = createSecretBox(keys.encryptionKey)
  const vault = await vaults.create({ display_name: 'v' })
  const credential = async (path: string, token: string) =>
    await vaults.credentials.create(vault.id, {
      auth: { type: 'static_bearer', mcp_server_url: `${url}/${path}`, token },
    })
  const [one, two] = [await credential('one', 'first'), await credential('two', 'second')]
  expect(await bearerFor({ db, box }, [vault.id], `${url}/one`)).toBe('first')
  const stolen = await db.embCredential.findUniqueOrThrow({ where: { id: one.id } })
  await db.embCredential.update({ where: { id: two.id }, data: { secret: stolen.secret } })
  await expect(bearerFor({ db, box }, [vault.id], `${url}/two`)).rejects.toThrow()
})

worldTest('a server has one live credential in a vault; archiving forgets the secret', async ({ world, db }) => {
  const { vaults } = world.client.beta
  const vault = await vaults.create({ display_name: 'v' })
  const auth = { type: 'static_bearer' as const, mcp_server_url: url, token: secret }
  const first = await vaults.credentials.create(vault.id, { auth })
  const again = vaults.credentials.create(vault.id, { auth: { ...auth, mcp_server_url: `${url}/` } })
  await expect(again).rejects.toMatchObject({ status: 409 })
  await vaults.credentials.archive(first.id, { vault_id: vault.id })
  expect((await db.embCredential.findUniqueOrThrow({ where: { id: first.id } })).secret).toHaveLength(0)
  const second = await vaults.credentials.create(vault.id, { auth })
  expect(second.id).not.toBe(first.id)

  const other = await vaults.create({ display_name: 'other' })
  await expect(vaults.credentials.retrieve(second.id, { vault_id: other.id })).rejects.toMatchObject({ status: 404 })
  await vaults.delete(vault.id)
  expect(await db.embCredential.count({ where: { vaultId: vault.id } })).toBe(0)
  await expect(vaults.retrieve(vault.id)).rejects.toMatchObject({ status: 404 })
})

worldTest('a token goes to exactly the server it is for', async ({ world, db }) => {
  const { vaults } = world.client.beta
  const box = createSecretBox(keys.encryptionKey)
  const [near, far] = [await vaults.create({ display_name: 'near' }), await vaults.create({ display_name: 'far' })]
  const put = async (vaultId: string, token: string) =>
    await vaults.credentials.create(vaultId, { auth: { type: 'static_bearer', mcp_server_url: url, token } })
  await put(far.id, 'far')
  await put(near.id, 'near')
  const bearer = async (address: string) => await bearerFor({ db, box }, [near.id, far.id], address)
  expect(await bearer(url)).toBe('near')
  expect(await bearer(`${url}/`)).toBe('near')
  expect(await bearer('http://localhost:7400/mcp/erp2')).toBeNull()
  expect(await bearer('https://localhost:7400/mcp/erp')).toBeNull()
  expect(await bearer('http://localhost:7401/mcp/erp')).toBeNull()
  expect(normalizeUrl('HTTP://LocalHost:7400/mcp/erp/')).toBe(url)
})

worldTest('kinds of credentials this server cannot use are refused', async ({ world }) => {
  const { vaults } = world.client.beta
  const vault = await vaults.create({ display_name: 'v' })
  const refused = vaults.credentials.create(vault.id, {
    auth: { type: 'mcp_oauth', mcp_server_url: url, access_token: 'x' },
  })
  await expect(refused).rejects.toMatchObject({ status: 400 })
})
