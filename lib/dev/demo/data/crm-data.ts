import { createRandom } from './random.ts'

export type Account = {
  id: string
  name: string
  tier: 'enterprise' | 'business' | 'starter'
  region: string
  owner: string
  health: 'good' | 'watch' | 'risk'
  annual_revenue_usd: number
  customer_since: string
}
export type Contact = { id: string; account_id: string; name: string; role: string; email: string; phone: string }

const accountNames = [
  'Aldergate Insurance', 'Basalt Mining', 'Cinder Coffee', 'Dovetail Furniture', 'Elmwood Clinics', 'Fennel Foods', 'Gantry Shipping', 'Harbour Light Hotels',
  'Isle Energy', 'Jackdaw Media', 'Kiln Ceramics', 'Larkspur Travel', 'Meridian Rail', 'Nettle Cosmetics', 'Oakhurst Schools', 'Pelican Post',
  'Quarry Road Builders', 'Redstart Airlines', 'Saffron Kitchens', 'Thistle Bank', 'Umber Paints', 'Vesper Games', 'Willow Pharma', 'Yarrow Health',
  'Zephyr Wind', 'Amber Valley Dairy', 'Bluebell Nurseries', 'Copper Beech Legal', 'Drift Surfwear', 'Ember Heating', 'Foxglove Press', 'Granary Bakeries',
] // prettier-ignore
const firstNames = ['Ada', 'Bruno', 'Chiara', 'Dmitri', 'Elif', 'Farid', 'Greta', 'Hanno', 'Ines', 'Jonas', 'Kaja', 'Luca', 'Mina', 'Noor', 'Oskar', 'Paula'] // prettier-ignore
const lastNames = ['Albrecht', 'Bianchi', 'Costa', 'Dubois', 'Eriksen', 'Fischer', 'Garcia', 'Hansen', 'Ito', 'Jansen', 'Kowalski', 'Lindgren', 'Moreau', 'Novak'] // prettier-ignore
const roles = ['Head of operations', 'IT administrator', 'Finance manager', 'Product owner', 'Support lead']

/** 32 accounts with two to four contacts each; every address ends in `.invalid`, so nothing can ever be sent to it. */
export function buildCrm(seed = 7_301): { accounts: Account[]; contacts: Contact[] } {
  const random = createRandom(seed)
  const accounts: Account[] = []
  const contacts: Contact[] = []
  for (const [index, name] of accountNames.entries()) {
    const tier = index % 4 === 3 ? 'enterprise' : index % 3 === 0 ? 'starter' : 'business'
    const base = { enterprise: 240_000, business: 48_000, starter: 6_000 }[tier]
    const id = `ACC-${2001 + index}`
    accounts.push({
      id,
      name,
      tier,
      region: random.pick(['EMEA', 'AMER', 'APAC']),
      owner: random.pick(['Rosa Marten', 'Theo Vance', 'Uma Castell', 'Viktor Lund']),
      health: random.pick(['good', 'good', 'good', 'watch', 'risk']),
      annual_revenue_usd: base + random.int(0, base),
      customer_since: `${random.int(2016, 2025)}-${String(random.int(1, 12)).padStart(2, '0')}-01`,
    })
    const domain = name.toLowerCase().replaceAll(' ', '-')
    for (let count = random.int(2, 4); count > 0; count -= 1) {
      const person = `${random.pick(firstNames)} ${random.pick(lastNames)}`
      contacts.push({
        id: `CON-${5001 + contacts.length}`,
        account_id: id,
        name: person,
        role: random.pick(roles),
        email: `${person.toLowerCase().replace(' ', '.')}@${domain}.invalid`,
        phone: `+00 555 ${random.int(1000, 9999)}`,
      })
    }
  }
  return { accounts, contacts }
}
