import { z } from 'zod'
import { pageInput, pageOutput } from '../paging.ts'
import { toolSpec } from '../tool.ts'

const accountId = z
  .string()
  .regex(/^ACC-\d{4}$/)
  .describe('The id of an account, for example ACC-2007.')
const contactId = z
  .string()
  .regex(/^CON-\d{4}$/)
  .describe('The id of a contact, for example CON-5012.')
const tier = z.enum(['enterprise', 'business', 'starter'])

export const account = z.object({
  id: z.string(),
  name: z.string(),
  tier,
  region: z.string(),
  owner: z.string(),
  health: z.enum(['good', 'watch', 'risk']),
  annual_revenue_usd: z.int(),
  customer_since: z.string(),
})
export const contact = z.object({
  id: z.string(),
  account_id: z.string(),
  name: z.string(),
  role: z.string(),
  email: z.string(),
  phone: z.string(),
})

export const crmTools = {
  list_accounts: toolSpec({
    class: 'read',
    title: 'List accounts',
    description: 'Customer accounts by id, one page at a time.',
    input: z.strictObject({ tier: tier.optional(), region: z.string().max(10).optional(), ...pageInput }),
    output: z.object({ accounts: z.array(account), ...pageOutput }),
  }),
  get_account: toolSpec({
    class: 'read',
    title: 'Get an account',
    description: 'One customer account.',
    input: z.strictObject({ account_id: accountId }),
    output: z.object({ account }),
  }),
  list_contacts: toolSpec({
    class: 'read',
    title: 'List contacts',
    description: 'The people at an account, with their addresses. Personal data.',
    input: z.strictObject({ account_id: accountId, ...pageInput }),
    output: z.object({ contacts: z.array(contact), ...pageOutput }),
  }),
  update_account: toolSpec({
    class: 'write',
    title: 'Update an account',
    description: 'Sets owner or health of an account. What is left out stays as it is.',
    input: z.strictObject({
      account_id: accountId,
      owner: z.string().min(2).max(80).optional(),
      health: z.enum(['good', 'watch', 'risk']).optional(),
    }),
    output: z.object({ account }),
  }),
  delete_contact: toolSpec({
    class: 'destructive',
    title: 'Delete a contact',
    description: 'Removes a person from an account for good.',
    input: z.strictObject({ contact_id: contactId, reason: z.string().min(3).max(500) }),
    output: z.object({ deleted: z.string() }),
  }),
}
