import type { Expr, PolicyJson } from '@cedar-policy/cedar-wasm/nodejs'

/** What of a call, beside the agent and the tool, the policies of a set look at: a decision is remembered by that, and by nothing else. */
export type Dependence = {
  hour: boolean
  weekday: boolean
  session: boolean
  /** Which grants cover the tool, beside that one does. */
  access: boolean
  /** Seeing a tool and calling it may be decided differently. */
  action: boolean
}

const allActions = ['call', 'list'] as const

/** Read from what was parsed, not from the text: an attribute can be written with escapes. */
export function dependenceOf(policies: readonly PolicyJson[]): Dependence {
  const found: Dependence = { hour: false, weekday: false, session: false, access: false, action: false }
  const actions = new Set<string>()
  for (const policy of policies) {
    actions.add(JSON.stringify(actionsOf(policy)))
    if (mentionsAccess(policy)) found.access = true
    for (const { body } of policy.conditions) walk(body, found)
  }
  // As soon as one speaks of calling or of seeing alone, the other one is decided without it.
  if ([...actions].some((named) => named !== JSON.stringify(allActions))) found.action = true
  return found
}

function walk(expression: Expr, found: Dependence): void {
  const node = expression as Record<string, unknown>
  if (node['Var'] === 'action') found.action = true
  // The whole of it, compared or kept: then everything in it counts.
  if (node['Var'] === 'context') found.hour = found.weekday = found.session = true
  const access = (node['.'] ?? node['has']) as { left: Expr; attr: string | string[] } | undefined
  if (access && (access.left as { Var?: string }).Var === 'context') {
    const name = Array.isArray(access.attr) ? access.attr[0] : access.attr
    if (name === 'hour' || name === 'weekday' || name === 'session') found[name] = true
    return
  }
  for (const part of Object.values(node)) walkAll(part, found)
}

function walkAll(part: unknown, found: Dependence): void {
  if (Array.isArray(part)) for (const each of part) walkAll(each, found)
  else if (typeof part === 'object' && part !== null) walk(part as Expr, found)
}

function mentionsAccess(policy: PolicyJson): boolean {
  return JSON.stringify([policy.principal, policy.conditions]).includes('"Wheelhouse::Access"')
}

function actionsOf({ action }: PolicyJson): string[] {
  if (action.op === 'All') return [...allActions]
  const entities = 'entities' in action ? action.entities : 'entity' in action ? [action.entity] : []
  return entities.map((entity) => ('__entity' in entity ? entity.__entity : entity).id).toSorted()
}
