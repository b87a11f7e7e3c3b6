import { join } from 'node:path'
import { z } from 'zod'
import { loadCrm } from '../data/load.ts'
import { pageOf } from '../paging.ts'
import { createJsonStore } from '../store.ts'
import { type Handlers, ToolRefusal } from '../tool.ts'
import type { crmTools } from '../tools/crm.ts'

const content = z.object({
  accounts: z
    .record(
      z.string(),
      z.object({ owner: z.string().optional(), health: z.enum(['good', 'watch', 'risk']).optional() }),
    )
    .default({}),
  deletedContacts: z.array(z.string()).default([]),
})
type Written = z.output<typeof content>

/** Accounts and contacts of the committed data, with changes kept in `crm.json` of the data folder. */
export function crmHandlers(options: { folder: string }): Handlers<typeof crmTools> {
  const { accounts, contacts } = loadCrm()
  const store = createJsonStore(join(options.folder, 'crm.json'), content)

  function find(written: Written, id: string) {
    const row = accounts.find((candidate) => candidate.id === id)
    if (!row) throw new ToolRefusal(`There is no account ${id}.`)
    return { ...row, ...written.accounts[id] }
  }

  return {
    async list_accounts({ tier, region, ...page }) {
      const written = await store.read()
      const rows = accounts
        .filter((row) => tier === undefined || row.tier === tier)
        .filter((row) => region === undefined || row.region === region)
        .map((row) => find(written, row.id))
      const { rows: shown, ...rest } = pageOf(rows, page)
      return { accounts: shown, ...rest }
    },
    async get_account({ account_id }) {
      return { account: find(await store.read(), account_id) }
    },
    async list_contacts({ account_id, ...page }) {
      const written = await store.read()
      find(written, account_id)
      const rows = contacts.filter((row) => row.account_id === account_id && !written.deletedContacts.includes(row.id))
      const { rows: shown, ...rest } = pageOf(rows, page)
      return { contacts: shown, ...rest }
    },
    update_account({ account_id, owner, health }) {
      return store.update((written) => {
        find(written, account_id)
        written.accounts[account_id] = {
          ...written.accounts[account_id],
          ...(owner && { owner }),
          ...(health && { health }),
        }
        return { account: find(written, account_id) }
      })
    },
    delete_contact({ contact_id }) {
      return store.update((written) => {
        if (!contacts.some((row) => row.id === contact_id) || written.deletedContacts.includes(contact_id))
          throw new ToolRefusal(`There is no contact ${contact_id}.`)
        written.deletedContacts.push(contact_id)
        return { deleted: contact_id }
      })
    },
  }
}
