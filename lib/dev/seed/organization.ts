import { personas } from '#lib/auth/personas.ts'
import { demoUuid } from './demo-uuid.ts'

export type DemoTeam = { id: string; name: string; costCenter: string }
export type DemoPerson = {
  id: string
  name: string
  email: string
  active: boolean
  roles: readonly string[]
  teamId: string
  lead: boolean
}

export const demoTeams: readonly DemoTeam[] = [
  { id: 'finance-platform', name: 'Finance platform', costCenter: 'CC-1100' },
  { id: 'accounts-payable', name: 'Accounts payable', costCenter: 'CC-1110' },
  { id: 'treasury', name: 'Treasury', costCenter: 'CC-1120' },
  { id: 'procurement', name: 'Procurement', costCenter: 'CC-1200' },
  { id: 'customer-support', name: 'Customer support', costCenter: 'CC-2100' },
  { id: 'support-operations', name: 'Support operations', costCenter: 'CC-2110' },
  { id: 'customer-success', name: 'Customer success', costCenter: 'CC-2200' },
  { id: 'payments', name: 'Payments', costCenter: 'CC-3100' },
  { id: 'identity', name: 'Identity', costCenter: 'CC-3110' },
  { id: 'search', name: 'Search', costCenter: 'CC-3120' },
  { id: 'data-platform', name: 'Data platform', costCenter: 'CC-3200' },
  { id: 'site-reliability', name: 'Site reliability', costCenter: 'CC-3300' },
  { id: 'agent-platform', name: 'Agent platform', costCenter: 'CC-3400' },
  { id: 'security', name: 'Security', costCenter: 'CC-4100' },
]

/** Two to three people for each team besides the personas; the first of a team leads it unless a persona does. */
const names = [
  'Amira Selim', 'Bastian Krug', 'Carla Reyes', 'Daan Visser', 'Edda Norberg', 'Felix Amann', 'Gitta Sommer', 'Hugo Pires', 'Ilse Brandt', 'Jonas Weir',
  'Kira Nowak', 'Leif Dahl', 'Maja Kovac', 'Nils Oberg', 'Oksana Hrytsenko', 'Pavel Dvorak', 'Quentin Roche', 'Rhea Kapoor', 'Soren Bach', 'Tomas Urbina',
  'Ursula Finke', 'Vera Lang', 'Wim Claes', 'Xenia Petrou', 'Yannick Moreau', 'Zoe Hart', 'Anton Meyer', 'Bianca Russo', 'Cem Aydin', 'Dora Fekete',
  'Emil Strand', 'Freya Holm', 'Goran Ilic', 'Hana Suzuki', 'Ivan Petrov', 'Julia Stein', 'Karim Nasser', 'Lotte Jansen', 'Marco Conti',
] // prettier-ignore

/** They left: their agents are orphaned until somebody else becomes accountable. */
const left = new Set(['Jonas Weir', 'Xenia Petrou'])

/** Of security, and away when the demo begins. */
const awayPerson = 'Bianca Russo'

export const demoPeople: readonly DemoPerson[] = [
  ...personas.map(({ id, name, email, role, teamId }) => ({
    id,
    name,
    email,
    active: true,
    roles: [role],
    teamId,
    lead: role === 'team_lead',
  })),
  ...names.map((name, index): DemoPerson => {
    const team = demoTeams[index % demoTeams.length]!
    const lead = index < demoTeams.length && team.id !== 'finance-platform'
    const email = `${name.toLowerCase().replaceAll(' ', '.')}@demo.wheelhouse.invalid`
    return {
      id: demoUuid(`person ${name}`),
      name,
      email,
      active: !left.has(name),
      roles: [lead ? 'team_lead' : name === awayPerson ? 'security' : 'builder'],
      teamId: team.id,
      lead,
    }
  }),
]

/** Who may answer for a team's agents; it includes people who have left. */
export function membersOf(teamId: string): readonly DemoPerson[] {
  return demoPeople.filter((person) => person.teamId === teamId)
}

/** Who is away, and who stands in. */
export const demoDelegation = { personId: demoUuid(`person ${awayPerson}`), delegateId: personas[2]!.id, days: 10 }
