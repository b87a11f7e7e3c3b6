import { z } from 'zod'
import { type Ctx, reader } from '#lib/auth/ctx.ts'
import { digestOf } from '#lib/core/canonical-json.ts'
import type { AuditEvent } from '#lib/db/generated/client.ts'

const argumentsObject = z.record(z.string(), z.json())
const toolCall = z.object({ input: argumentsObject })
/** Calls of a run that are looked through for the one that was recorded. */
const callsMax = 2000

type Arguments = z.infer<typeof argumentsObject>

/**
 * What a call was called with, where it can be known: the audit log has a digest only, a held call has them as they are, and the log of a run may have those of
 * this digest. Null: not known. Not for showing. Callers authorize.
 */
export async function callArguments(
  ctx: Ctx,
  { detail, runId }: Pick<AuditEvent, 'detail' | 'runId'>,
): Promise<Arguments | null> {
  const { heldCallId, argumentsDigest } = detail as { heldCallId?: unknown; argumentsDigest?: unknown }
  const db = reader(ctx)
  if (typeof heldCallId === 'string') {
    const held = await db.heldCall.findUnique({ where: { id: heldCallId }, select: { arguments: true } })
    return argumentsObject
      .nullable()
      .catch(null)
      .parse(held?.arguments ?? null)
  }
  if (typeof argumentsDigest !== 'string') return null
  if (argumentsDigest === digestOf({})) return {}
  if (runId === null) return null
  const calls = await db.runEvent.findMany({
    where: { runId, kind: 'tool_call' },
    orderBy: { seq: 'desc' },
    take: callsMax,
    select: { payload: true },
  })
  for (const { payload } of calls) {
    const call = toolCall.safeParse(payload)
    if (call.success && digestOf(call.data.input) === argumentsDigest) return call.data.input
  }
  return null
}
