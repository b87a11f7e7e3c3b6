import type { Tx } from '#lib/db/client.ts'
import type { RuleId } from '#lib/guardrails/schema.ts'
import { classesCovering } from '#lib/registry/rules.ts'

export type FoundDenial = { serverId: string | null; tool: string; rule: RuleId; message: string; decisionId?: string }

/**
 * Why the broker refused a call, from the audit log; null when it did not (the tool itself failed). Calls of one tool are refused in the
 * order they are made, so the denial of a call is the first that no earlier call of the run has taken.
 */
export async function findDenial(tx: Tx, runId: string, callId: string): Promise<FoundDenial | null> {
  const rows = await tx.$queryRaw<FoundDenial[]>`
    with call as (
      select e."payload"->>'serverId' as "serverId", e."payload"->>'name' as "tool" from "RunEvent" e
      where e."runId" = ${runId}::uuid and e."claudeEventId" = ${callId} and e."kind" = 'tool_call'
    ), taken as (
      select count(*) as "count" from "Escalation" x, call
      where x."runId" = ${runId}::uuid and x."kind" = 'refusal' and x."detail"->>'serverId' = call."serverId"
        and x."detail"->>'tool' = call."tool"
    )
    select a."serverId", a."tool", a."rule", coalesce(a."detail"->>'message', '') as "message", a."id" as "decisionId"
    from call, "AuditEvent" a
    -- One row may stand for several that came too often.
    cross join lateral generate_series(1, least(coalesce((a."detail"->>'count')::int, 1), 1000))
    where a."runId" = ${runId}::uuid and a."event" = 'mcp.call_denied' and a."serverId" = call."serverId" and a."tool" = call."tool"
      and a."rule" is not null
    order by a."seq" offset (select "count" from taken) limit 1`
  return rows[0] ?? null
}

/**
 * Why a tool is not even offered to an agent, so that Claude refuses the call itself: the broker lists only what it would admit. The model
 * calls a server's tool `server__tool`; a name that is no registered tool is one that does not exist.
 */
export async function explainNotOffered(
  tx: Tx,
  call: { agentId: string; name: string; now: Date },
): Promise<FoundDenial> {
  const [found] = await tx.$queryRaw<{ serverId: string; name: string }[]>`
    select "serverId", "name" from "McpTool" where "serverId" || '__' || "name" = ${call.name} limit 1`
  const denied = (rule: RuleId, message: string): FoundDenial => ({
    serverId: found?.serverId ?? null,
    tool: found?.name ?? call.name,
    rule,
    message,
  })
  if (!found) return denied('tool_unknown', `There is no tool ${call.name} for this agent.`)
  const tool = await tx.mcpTool.findUniqueOrThrow({
    where: { serverId_name: found },
    select: { class: true, state: true, server: { select: { status: true, statusReason: true } } },
  })
  const what = `${found.serverId}/${found.name}`
  const { status, statusReason } = tool.server
  if (status === 'disabled') {
    return denied('server_disabled', `${found.serverId} is disabled${statusReason ? `: ${statusReason}` : '.'}`)
  }
  if (tool.state === 'removed') return denied('tool_removed', `${what} is no longer offered.`)
  if (tool.state === 'quarantined') return denied('tool_quarantined', `${what} waits for its review.`)
  const grants = await tx.grant.findMany({
    where: {
      agentId: call.agentId,
      serverId: found.serverId,
      class: { in: classesCovering(tool.class) },
      revokedAt: null,
      OR: [{ toolName: null }, { toolName: found.name }],
    },
    select: { expiresAt: true },
  })
  const message = `${call.agentId} holds no grant for ${tool.class} on ${found.serverId}.`
  if (grants.length === 0) return denied('grant_missing', message)
  const inForce = grants.some((grant) => grant.expiresAt === null || grant.expiresAt > call.now)
  return inForce ? denied('policy_default_deny', `A policy does not admit ${what}.`) : denied('grant_expired', message)
}
