import type { Client } from '../client.ts'
import { Failed } from '../errors.ts'
import { routes } from '../../routes.ts'

/** The id of the one person with this address or name who can sign in, or with `anybody` who could. */
export async function personWith(client: Client, email: string, who: 'active' | 'anybody' = 'active'): Promise<string> {
  const active = who === 'active' ? { active: 'true' } : {}
  const { items } = await client.call(routes.account.listPeople, { query: { search: email, ...active } })
  const exact = items.filter((person) => person.email.toLowerCase() === email.toLowerCase())
  const [found, ...others] = exact.length > 0 ? exact : items
  if (!found)
    throw new Failed(`Nobody ${who === 'active' ? 'who can sign in ' : ''}is called ${JSON.stringify(email)}.`)
  if (others.length > 0) throw new Failed(`Several people are called ${JSON.stringify(email)}: give an e-mail address.`)
  return found.id
}
