import { z } from 'zod'
import { agentListQuery } from './catalog.ts'
import type { ToolClass } from './words.ts'

/** An instant in ISO 8601, or a UTC day for its beginning. Checked against the records where it is used, so that a refusal can say when they begin. */
export const instantText = z.string().max(50)

/** `asOf`: the answer is what it would have been at that instant; left out: now. */
export const asOfQuery = z.strictObject({ asOf: instantText.optional() })

/** `to` left out: now. */
export const diffQuery = z.strictObject({ from: instantText, to: instantText.optional() })
export type DiffQuery = z.infer<typeof diffQuery>

export const agentDiffQuery = agentListQuery
  .omit({ cursor: true, limit: true, sort: true, order: true, asOf: true })
  .extend(diffQuery.shape)
export type AgentDiffInput = z.input<typeof agentDiffQuery>

/** An instant and what the records say about it. */
export type MomentView = {
  at: string
  /** Since when there are records. */
  began: string
  /** The registry's last change by then was committed with the audit log at this sequence number. */
  auditSeq: string
  /**
   * The set of central policies that was enforced; null: none is on record. Where it is not `known` what it kept out of reach, or there is none, a question about reach is
   * refused.
   */
  policySet: { number: number; known: boolean } | null
}

/** A field in words of the registry's YAML, with its values as JSON; null: nothing. */
export type FieldChange = { field: string; before: unknown; after: unknown }

export type GrantChange = {
  change: 'added' | 'removed' | 'changed'
  grantId: string
  serverId: string
  class: string
  toolName: string | null
  /** What differs in a grant that was in force at both instants; empty otherwise. */
  fields: FieldChange[]
}

/** How an agent's entry differs between two instants. */
export type AgentDiff = {
  agentId: string
  name: string
  from: MomentView
  to: MomentView
  /** Null: it was there at both. */
  presence: 'appeared' | 'left' | null
  fields: FieldChange[]
  /** By what was in force: an expiry, a disabled server or a quarantined tool is a change, too. */
  grants: GrantChange[]
}

export type AgentRef = { id: string; name: string }

/** Tools of a class on a server. */
export type ReachPart = { serverId: string; class: ToolClass }
/** What an agent reached at one instant only. */
export type ReachChange = AgentRef & { gained: ReachPart[]; lost: ReachPart[] }

/** How the answer to a query differs between two instants. */
export type AgentListDiff = {
  from: MomentView
  to: MomentView
  total: { from: number; to: number }
  /** Matches only at `to`. */
  appeared: AgentRef[]
  /** Matched only at `from`. */
  left: AgentRef[]
  /** Matches at both, and its row says something else. */
  changed: (AgentRef & { fields: FieldChange[] })[]
  /** So many of each are not shown. */
  /**
   * Who of those that match at either gained or lost reach, whatever the reason: effective access, by server and class of tool. Null: at one of the instants it is not known what the
   * central policies kept out of reach.
   */
  reach: ReachChange[] | null
  /** So many of each are not shown. */
  more: { appeared: number; left: number; changed: number; reach: number }
}

/** An instant at which an agent's entry or one of its grants changed. */
export type AgentMoment = { at: string; auditSeq: string; entry: boolean; grants: boolean }
