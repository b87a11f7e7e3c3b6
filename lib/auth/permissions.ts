/** Roles as data. The names are what people see on the settings page and in the identity provider's group mapping. */
export const roles = ['builder', 'team_lead', 'security', 'finance', 'on_call', 'platform_admin'] as const
export type Role = (typeof roles)[number]

const everyone = [
  'agents:read',
  'runs:read',
  'servers:read',
  'templates:read',
  'fleet:read',
  'requests:read',
  'stops:read',
  'tokens:own',
  'views:own',
  'inbox:own',
  'delegations:own',
] as const

const builds = [
  'agents:create',
  'agents:update',
  'runs:start',
  'runs:stop',
  'scopes:request',
  'escalations:resolve',
  'calls:decide',
] as const

/** What a role may do. A permission that no role lists is denied to everybody; an unknown role grants nothing. */
const rolePermissions = {
  builder: [...everyone, ...builds],
  team_lead: [
    ...everyone,
    ...builds,
    'agents:retire',
    'agents:suspend',
    'agents:take_over',
    'audit:read',
    'channels:manage',
    'views:share',
  ],
  security: [
    ...everyone,
    'agents:any_team',
    'agents:classify',
    'scopes:approve',
    'scopes:countersign',
    'approvals:manage',
    'reviews:manage',
    'calls:decide',
    'holds:manage',
    'policies:manage',
    'holds:bypass',
    'discovery:manage',
    'grants:revoke',
    'agents:suspend',
    'audit:read',
    'stops:order',
    'stops:release',
    'servers:manage',
    'keys:rotate',
    'webhooks:manage',
    'channels:manage',
    'views:share',
  ],
  finance: [...everyone, 'agents:any_team', 'agents:retire', 'audit:read', 'costs:manage', 'scopes:countersign'],
  on_call: [
    ...everyone,
    'agents:any_team',
    'stops:order',
    'stops:release',
    'grants:break_glass',
    'holds:bypass',
    'scopes:countersign',
    'agents:suspend',
    'runs:stop',
    'calls:decide',
    'audit:read',
  ],
  platform_admin: [
    ...everyone,
    'agents:any_team',
    ...builds,
    'agents:retire',
    'agents:suspend',
    'agents:take_over',
    'people:manage',
    'agents:import',
    'agents:classify',
    'discovery:manage',
    'audit:read',
    'stops:order',
    'stops:release',
    'servers:manage',
    'scopes:countersign',
    'approvals:manage',
    'holds:manage',
    'policies:manage',
    'templates:publish',
    'teams:manage',
    'costs:manage',
    'keys:rotate',
    'webhooks:manage',
    'channels:manage',
    'views:share',
    'views:default',
  ],
} as const satisfies Record<Role, readonly string[]>

export type Permission = (typeof rolePermissions)[Role][number]

/** Every permission that exists, in a stable order. */
export const permissions: readonly Permission[] = [...new Set(Object.values(rolePermissions).flat())].toSorted()

export function isRole(value: string): value is Role {
  return (roles as readonly string[]).includes(value)
}

export function isPermission(value: string): value is Permission {
  return (permissions as readonly string[]).includes(value)
}

/** The union of what the roles grant; unknown names grant nothing. */
export function permissionsOf(roleNames: readonly string[]): ReadonlySet<Permission> {
  return new Set(roleNames.filter(isRole).flatMap((role): readonly Permission[] => rolePermissions[role]))
}

/** Who could do it instead: for the tooltip of a disabled control and for a refusal's text. */
export function rolesWith(permission: Permission): Role[] {
  return roles.filter((role) => (rolePermissions[role] as readonly Permission[]).includes(permission))
}

const roleLabels = {
  builder: 'Builder',
  team_lead: 'Team lead',
  security: 'Security',
  finance: 'Finance',
  on_call: 'On-call',
  platform_admin: 'Platform admin',
} as const satisfies Record<Role, string>

export function roleLabel(role: Role): string {
  return roleLabels[role]
}

/** Of roles as records have them: one that exists no more keeps its own name. */
export function roleNames(roles: readonly string[]): string[] {
  return roles.map((role) => (isRole(role) ? roleLabel(role) : role))
}
