import type { Tx } from '#lib/db/client.ts'

export type FoundDenial = { serverId: string; tool: string; rule: string; message: string }

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
    select a."serverId", a."tool", a."rule", coalesce(a."detail"->>'message', '') as "message"
    from "AuditEvent" a, call
    where a."runId" = ${runId}::uuid and a."event" = 'mcp.call_denied' and a."serverId" = call."serverId" and a."tool" = call."tool"
      and a."rule" is not null
    order by a."seq" offset (select "count" from taken) limit 1`
  return rows[0] ?? null
}
