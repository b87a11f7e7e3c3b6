import { type Ctx, reader } from '#lib/auth/ctx.ts'
import { paths } from '#lib/core/paths.ts'
import { type AuditEvent, Prisma } from '#lib/db/generated/client.ts'
import type { NextStep } from '../../schema/explanation.ts'
import { sentText } from './ended.ts'

/** Of a call that changes something the broker writes down that it will be sent, before it is sent. */
export const intendedWords = {
  title: 'Intended',
  meaning: 'It was decided and about to be sent to its server. How it ended is on record by itself.',
}

type Intended = Pick<AuditEvent, 'seq' | 'agentId' | 'serverId' | 'tool' | 'runId' | 'detail'>

/** What became of an intended call: the first end after it of such a call, with the same arguments, in the same run. Callers authorize. */
export async function endOf(ctx: Ctx, intended: Intended): Promise<{ message: string; next: NextStep | null }> {
  const { seq, agentId, serverId, tool, runId, detail } = intended
  const { argumentsDigest, traceId = null } = detail as { argumentsDigest: string; traceId?: string }
  const [end] = await reader(ctx).$queryRaw<End[]>(
    Prisma.sql`select "id"::text, "event", "rule", "detail"->>'outcome' as "outcome", "detail"->'sent' as "sent" from "AuditEvent"
      where "agentId" = ${agentId} and "event" in ('mcp.call_allowed', 'mcp.call_denied') and "seq" > ${seq}
        and "serverId" = ${serverId} and "tool" = ${tool} and "runId" is not distinct from ${runId}::uuid
        and "detail"->>'argumentsDigest' = ${argumentsDigest} and "detail"->>'traceId' is not distinct from ${traceId}
      order by "seq" limit 1`,
  )
  if (!end) return { message: 'No record says how it ended: it is under way, or its broker died.', next: null }
  return { message: `It ended: ${howOf(end)}`, next: { link: paths.decision(end.id), label: 'How it ended' } }
}

type End = { id: string; event: string; rule: string | null; outcome: string | null; sent: boolean | null }

function howOf({ event, rule, outcome, sent }: End): string {
  if (event === 'mcp.call_denied') return `refused by ${rule}, before it was sent.`
  if (rule !== null) return `broken off by ${rule}. ${sentText(sent)}`
  return outcome === 'aborted' ? `its caller went away. ${sentText(sent)}` : `${outcome ?? 'allowed'}.`
}
