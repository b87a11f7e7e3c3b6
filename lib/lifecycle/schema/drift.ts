import type { Drift } from '#lib/registry/schema/drift.ts'

/** How far an agent is behind its template, and what moving to the newest version would change. */
export type TemplateDrift = {
  agentId: string
  template: { id: string; name: string }
  current: string
  newest: string
  /** The first part in which the two versions differ. */
  behind: Drift
  /** What was published since, newest first, with what the changelog says of it. */
  versions: { version: string; publishedAt: string; changes: string }[]
  /** What Claude is given now against the newest version with the same layer, line by line; empty: the same. Null: it cannot be made, `problem` says why. */
  diff: string[] | null
  problem: string | null
}
