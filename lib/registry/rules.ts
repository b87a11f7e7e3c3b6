import { type Actor, authorize, can, type Ctx } from '#lib/auth/ctx.ts'
import type { Permission } from '#lib/auth/permissions.ts'
import { DomainError } from '#lib/core/errors.ts'
import { type ToolClass, toolClasses } from './schema.ts'

/** Whether a grant of one class covers a tool of another: destructive implies write, write implies read. */
export function covers(granted: ToolClass, wanted: ToolClass): boolean {
  return toolClasses.indexOf(granted) >= toolClasses.indexOf(wanted)
}

/** Whether a class lets a tool do less than another. */
export function isLower(one: ToolClass, other: ToolClass): boolean {
  return one !== other && covers(other, one)
}

/** The classes of grant that cover a tool of this class. */
export function classesCovering(wanted: ToolClass): ToolClass[] {
  return toolClasses.filter((granted) => covers(granted, wanted))
}

/**
 * The class a server's own annotations give a tool (MCP tool annotations: readOnlyHint, destructiveHint). They are hints of the server, so
 * what they leave open counts as the worse: without them a tool is destructive.
 */
export function classFromAnnotations(annotations: Record<string, unknown>): ToolClass {
  if (annotations['readOnlyHint'] === true) return 'read'
  return annotations['destructiveHint'] === false ? 'write' : 'destructive'
}

/** People act for the agents of their own teams; some roles act for every team's. */
export function mayActForTeam(actor: Actor, teamId: string): boolean {
  if (can(actor, 'agents:any_team')) return true
  return actor.kind === 'person' && actor.teamIds.includes(teamId)
}

/** `authorize`, and the team must be the actor's own unless the role reaches every team. Throws `forbidden` naming the team. */
export function authorizeForTeam(ctx: Ctx, permission: Permission, team: { id: string; name: string }): void {
  authorize(ctx, permission)
  if (mayActForTeam(ctx.actor, team.id)) return
  throw new DomainError('forbidden', `Only members of ${team.name} may do this to its agents.`, {
    rule: 'registry:own_team',
    teamId: team.id,
  })
}

/** Orders version texts such as `1.10.0` by their numbers; what is no number counts as 0. */
export function compareVersions(a: string, b: string): number {
  const left = numbersOf(a)
  const right = numbersOf(b)
  for (let part = 0; part < Math.max(left.length, right.length); part += 1) {
    const difference = (left[part] ?? 0) - (right[part] ?? 0)
    if (difference !== 0) return difference
  }
  return 0
}

function numbersOf(version: string): number[] {
  return version.split('.').map((part) => Number.parseInt(part, 10) || 0)
}

// The catalog's query language, for whoever reads or changes a query; nothing of it needs a server.
export type { AgentQuery, QueryNode, QueryValue, Range, Term } from './query/ast.ts'
export { isAccessKey, type QueryKey, queryKeys, specOf } from './query/keys.ts'
export { askedValues, toggleValue } from './query/edit.ts'
export { filterKeys, queryOf } from './query/of-list.ts'
export { formatAgentQuery, printNode, textQuery } from './query/print.ts'
