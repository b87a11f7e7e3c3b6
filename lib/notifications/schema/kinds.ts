import type { Permission, Role } from '#lib/auth/permissions.ts'

/** How one is told of a kind over one channel. */
export const modes = ['at_once', 'daily', 'weekly', 'off'] as const
export type Mode = (typeof modes)[number]

export type Channel = 'inbox' | 'mail' | 'slack'

type KindFacts = {
  /** As the settings page and a digest name it. */
  label: string
  says: string
  /** What it takes to see what it is about: whoever may not see it is not told of it. */
  needs: Permission
  /** What waits for somebody, and stops, are always in the inbox. */
  always: boolean
  /** For whoever has this permission it is as well: it is announced to them because nobody else stands behind it. */
  alwaysFor?: Permission
  mail: Mode
  /** Roles whose work it is: they get mail at once where others get it in the digest. */
  urgentFor?: readonly Role[]
}

const waits = { always: true, mail: 'at_once' } as const
const news = { always: false, mail: 'daily' } as const

/** What people are told of; each kind can be switched by channel. */
export const kindFacts = {
  request_waits: {
    label: 'Scope requests that wait for me',
    says: 'Somebody asks for a scope, and I am among those who may decide; once more before it is due.',
    needs: 'requests:read',
    ...waits,
  },
  request_overdue: {
    label: 'Overdue scope requests',
    says: 'Nobody has decided in time, or it was passed on to me.',
    needs: 'requests:read',
    ...waits,
  },
  request_decided: {
    label: 'Decisions on my scope requests',
    says: 'Approved, rejected, or sent back for changes.',
    needs: 'requests:read',
    always: false,
    mail: 'at_once',
  },
  review_waits: {
    label: 'Scope reviews that wait for me',
    says: 'A campaign asks whether the scopes of my agents are still needed.',
    needs: 'agents:read',
    ...waits,
  },
  call_waits: {
    label: 'Calls held for me to decide',
    says: 'A rule holds a call of an agent until somebody decides; once more before its time is over.',
    needs: 'runs:read',
    ...waits,
  },
  call_decided: {
    label: 'Decisions on held calls',
    says: 'Of agents I am accountable for, and of runs I started.',
    needs: 'runs:read',
    ...news,
    mail: 'off',
  },
  escalation: {
    label: 'What agents bring to a person',
    says: 'An agent of my team, or in a run I started, asks for a person.',
    needs: 'runs:read',
    ...waits,
  },
  stop: {
    label: 'Stop orders',
    says: 'Something of mine is stopped, or goes on.',
    needs: 'stops:read',
    ...waits,
  },
  break_glass: {
    label: 'Break-glass and bypasses',
    says: 'Somebody took a scope in an emergency, its review is due, or somebody lets calls through that a rule would hold.',
    needs: 'requests:read',
    always: false,
    alwaysFor: 'scopes:approve',
    mail: 'at_once',
  },
  grant: {
    label: 'Grants that end',
    says: 'A scope of my agents ends soon, has ended or was revoked, or the approval policy granted one.',
    needs: 'agents:read',
    ...news,
  },
  agent_state: {
    label: 'State of my agents',
    says: 'Suspended, slowed down, resumed, retired, taken over, or nobody answers for one.',
    needs: 'agents:read',
    always: false,
    mail: 'at_once',
  },
  budget: {
    label: 'Budgets that are reached',
    says: 'An agent of mine has spent its budget of the month: it starts no more runs, and its calls are refused.',
    needs: 'agents:read',
    always: false,
    mail: 'at_once',
  },
  tool: {
    label: 'Tools that changed',
    says: 'A tool changed after its approval, and waits for another one.',
    needs: 'servers:read',
    always: false,
    mail: 'daily',
    urgentFor: ['security'],
  },
  unregistered: {
    label: 'Unregistered agents',
    says: 'Something was found that nobody has registered.',
    needs: 'discovery:manage',
    ...news,
  },
  policy: {
    label: 'Central policies',
    says: 'A set of central policies is enforced, or an earlier one is back.',
    needs: 'agents:read',
    always: false,
    mail: 'daily',
    urgentFor: ['security', 'platform_admin'],
  },
  rule_change: {
    label: 'Changes of rules and of what they choose by',
    says: 'A rule about who approves, which calls are held or what policies are tried by changes, or a fact of a server or tool is lowered; also what waits for a second person, and what was taken back.',
    needs: 'requests:read',
    ...waits,
  },
  delegation: {
    label: 'Standing in',
    says: 'Somebody is asked in my place while I am away, or I in theirs.',
    needs: 'requests:read',
    always: false,
    mail: 'at_once',
  },
  credential: {
    label: 'Credentials and connections that end',
    says: 'A credential of an MCP server ends soon, or a webhook was switched off.',
    needs: 'servers:manage',
    always: false,
    mail: 'at_once',
  },
} as const satisfies Record<string, KindFacts>

export type Kind = keyof typeof kindFacts
export const kinds = Object.keys(kindFacts) as [Kind, ...Kind[]]

/** These are of servers, people and the organization, so they concern no team. */
const ofNoTeam: ReadonlySet<Kind> = new Set([
  'tool',
  'unregistered',
  'policy',
  'rule_change',
  'delegation',
  'credential',
])

/** What a channel of a team can be told of. */
export const teamKinds = kinds.filter((kind) => !ofNoTeam.has(kind)) as [Kind, ...Kind[]]

/** What somebody gets of a kind over a channel unless they chose otherwise. */
export function defaultMode(kind: Kind, channel: Channel, roles: readonly string[]): Mode {
  const facts: KindFacts = kindFacts[kind]
  if (channel !== 'mail') return 'at_once'
  return facts.urgentFor?.some((role) => roles.includes(role)) ? 'at_once' : facts.mail
}

/** What somebody with these permissions can choose for a kind over a channel. The inbox is looked at, so there is no digest of it. */
export function modesOf(kind: Kind, channel: Channel, permissions: ReadonlySet<Permission>): readonly Mode[] {
  if (channel !== 'inbox') return modes
  const { always, alwaysFor }: KindFacts = kindFacts[kind]
  return always || (alwaysFor !== undefined && permissions.has(alwaysFor)) ? ['at_once'] : ['at_once', 'off']
}
