import { z } from 'zod'
import { pageQuery, parse } from '../http/query.ts'
import { type Call, forwardOnly, jsonRoutes, param, type Route } from '../http/router.ts'
import {
  archiveCredential,
  createCredential,
  deleteCredential,
  listCredentials,
  readCredential,
  updateCredential,
  type Vaults,
} from './credentials.ts'
import { createCredentialBody, createVaultBody, updateCredentialBody, updateVaultBody } from './schema.ts'
import { archiveVault, createVault, deleteVault, listVaults, readVault, updateVault } from './store.ts'

const listQuery = z.object({ ...pageQuery(20, 100), include_archived: z.stringbool().default(false) })

export function vaultRoutes(vaults: Vaults): Route[] {
  const { db } = vaults
  return jsonRoutes(
    ['api'],
    [
      ['POST', '/v1/vaults', async (call) => await createVault(db, parse(createVaultBody, call.body), call.now)],
      [
        'GET',
        '/v1/vaults',
        async ({ query }) => {
          const args = parse(listQuery, query)
          return forwardOnly(await listVaults(db, { ...args, includeArchived: args.include_archived }))
        },
      ],
      ['GET', '/v1/vaults/:vault', async (call) => await readVault(db, param(call, 'vault'))],
      [
        'POST',
        '/v1/vaults/:vault',
        async (call) => await updateVault(db, param(call, 'vault'), parse(updateVaultBody, call.body), call.now),
      ],
      ['DELETE', '/v1/vaults/:vault', async (call) => await deleteVault(db, param(call, 'vault'))],
      ['POST', '/v1/vaults/:vault/archive', async (call) => await archiveVault(db, param(call, 'vault'), call.now)],
      [
        'POST',
        '/v1/vaults/:vault/credentials',
        async (call) => {
          const body = parse(createCredentialBody, call.body)
          return await createCredential(vaults, param(call, 'vault'), { body, now: call.now })
        },
      ],
      [
        'GET',
        '/v1/vaults/:vault/credentials',
        async (call) => {
          const args = parse(listQuery, call.query)
          const filter = { ...args, includeArchived: args.include_archived }
          return forwardOnly(await listCredentials(vaults, param(call, 'vault'), filter))
        },
      ],
      [
        'GET',
        '/v1/vaults/:vault/credentials/:credential',
        async (call) => await readCredential(vaults, param(call, 'vault'), param(call, 'credential')),
      ],
      [
        'POST',
        '/v1/vaults/:vault/credentials/:credential',
        async (call) => {
          const body = parse(updateCredentialBody, call.body)
          return await updateCredential(vaults, whereOf(call), { body, now: call.now })
        },
      ],
      [
        'DELETE',
        '/v1/vaults/:vault/credentials/:credential',
        async (call) => await deleteCredential(vaults, whereOf(call)),
      ],
      [
        'POST',
        '/v1/vaults/:vault/credentials/:credential/archive',
        async (call) => await archiveCredential(vaults, whereOf(call), call.now),
      ],
    ],
  )
}

function whereOf(call: Call): { vaultId: string; id: string } {
  return { vaultId: param(call, 'vault'), id: param(call, 'credential') }
}
