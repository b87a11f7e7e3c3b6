import type { Role } from './permissions.ts'

export type Persona = { id: string; name: string; email: string; role: Role; teamId: string }

/**
 * The local people one can sign in as, only with demo data on a loopback address. Ids are stable over re-seeding; the addresses end in
 * `.invalid`, so no identity provider can ever vouch for one.
 */
export const personas: readonly Persona[] = [
  persona(1, 'Tessa Lindholm', 'team_lead', 'finance-platform'),
  persona(2, 'Ben Okoro', 'builder', 'finance-platform'),
  persona(3, 'Sina Rahimi', 'security', 'security'),
  persona(4, 'Fiona Carter', 'finance', 'finance-platform'),
  persona(5, 'Omar Haddad', 'on_call', 'site-reliability'),
  persona(6, 'Paula Adler', 'platform_admin', 'agent-platform'),
]

function persona(number: number, name: string, role: Role, teamId: string): Persona {
  return {
    id: `00000000-0000-7000-8000-00000000000${number}`,
    name,
    email: `${role.replaceAll('_', '.')}@demo.wheelhouse.invalid`,
    role,
    teamId,
  }
}
