import { auditRow } from '#lib/audit/commands.ts'
import { digestOf } from '#lib/core/canonical-json.ts'
import type { Db } from '#lib/db/client.ts'
import type { CandidateVerdict } from '#lib/guardrails/rules/candidate.ts'
import type { SituationFacts } from '#lib/guardrails/schema/situations.ts'

/** A situation of an agent of the low tier that reads from a server in production; what is given is different. */
export function situationFor(agentId: string, change: Partial<SituationFacts> = {}): SituationFacts {
  return {
    agent: { id: agentId, team: 'finance', tier: 'low', template: null },
    server: { id: 'erp', environment: 'production', sensitivity: 'internal', demo: false },
    tool: { name: 'get_order', class: 'read', isMethod: false },
    grants: [{ class: 'read', toolName: null, via: 'request' }],
    simulated: false,
    breakGlass: false,
    session: null,
    ...change,
  }
}

type Recorded = {
  facts: SituationFacts
  calls?: number
  at?: Date
  /** What refused it; left out: it was allowed. */
  rule?: string
  /** How many refused calls each row is about, as beyond the rate of an agent; left out: one, and the row says nothing of it. */
  count?: number
  version?: string
  /** What a set in log-only would have decided otherwise. */
  candidate?: CandidateVerdict
  /** As a release before situations recorded it. */
  unnamed?: boolean
}

/** Puts calls on record as a broker does: what the policies were asked, then the rows that name it. */
export async function recordCalls(db: Db, recorded: Recorded): Promise<void> {
  const { facts, calls = 1, at = new Date(), rule, count, version = 'then', candidate, unnamed = false } = recorded
  const { agent, server, tool } = facts
  const digest = digestOf(facts)
  if (!unnamed) await db.policySituation.createMany({ data: [{ digest, facts }], skipDuplicates: true })
  const named = unnamed ? {} : { situation: digest, policyVersion: version, ...(candidate ? { candidate } : {}) }
  const common = {
    subject: { kind: 'tool', id: `${server.id}/${tool.name}`, name: tool.name },
    agentId: agent.id,
    teamId: agent.team,
    serverId: server.id,
    tool: tool.name,
  }
  const who = { actor: { kind: 'agent', id: agent.id, name: agent.id }, now: at } as const
  const rows = Array.from({ length: calls }, () =>
    rule === undefined
      ? auditRow(who, {
          event: 'mcp.call_allowed',
          ...common,
          decision: 'allow',
          detail: { argumentsDigest: '', class: tool.class, outcome: 'ok', ms: 1, ...named },
        })
      : auditRow(who, {
          event: 'mcp.call_denied',
          ...common,
          decision: 'deny',
          rule,
          detail: {
            argumentsDigest: '',
            class: tool.class,
            message: '',
            ...(count === undefined ? {} : { count }),
            ...named,
          },
        }),
  )
  await db.$queryRaw`select audit_append(${JSON.stringify(rows)}::jsonb)`
}
