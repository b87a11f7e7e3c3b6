import { recordAudit } from '#lib/audit/commands.ts'
import { authorize, type Ctx, inTx } from '#lib/auth/ctx.ts'
import { canonicalJson, digestOf } from '#lib/core/canonical-json.ts'
import { DomainError } from '#lib/core/errors.ts'
import { unstorable } from '#lib/core/storable.ts'
import type { Log } from '#lib/log/log.ts'
import { auditText } from '../audit/records.ts'
import type { RegistryTool } from './tool.ts'

/** Who asks, and where it is written down when we fail. */
export type Asker = { ctx: Ctx; log: Log }
/** A question as the audit log has it: which tool (or method) and what about. */
export type Question = { tool: string; arguments: unknown; agentId?: string | undefined }

/**
 * Asks the registry as the person and records the question before its answer leaves; without the record there is no answer. A refusal for
 * want of a permission is recorded as such, with its rule.
 */
export async function askOnRecord<T>(
  { ctx, log }: Asker,
  question: Question & Pick<RegistryTool, 'permission'>,
  ask: () => Promise<T>,
): Promise<T> {
  let outcome: string
  let answer: () => T
  try {
    authorize(ctx, question.permission)
    refuseOdd(question.arguments)
    const given = await ask()
    outcome = 'answered'
    answer = () => given
  } catch (error) {
    const failure = error instanceof DomainError ? error : failedHere({ ctx, log }, error)
    if (failure.code === 'forbidden') {
      await recordRefusal(ctx, question, failure)
      throw failure
    }
    outcome = failure.code
    answer = () => {
      throw failure
    }
  }
  await write(ctx, question, (asked) => ({ event: 'registry.asked', detail: { ...asked, outcome } }))
  return answer()
}

function failedHere({ ctx, log }: Asker, error: unknown): DomainError {
  log.error({ requestId: ctx.requestId, err: error }, 'a question to the registry failed')
  return new DomainError('unavailable', `Something went wrong on our side. It was written down (${ctx.requestId}).`)
}

/** What no database can hold is told as such, and not by the database. */
function refuseOdd(given: unknown): void {
  const odd = unstorable(given)
  if (!odd) return
  throw new DomainError('invalid', [odd.path.join('.'), odd.message].filter(Boolean).join(': '), { rule: 'api:text' })
}

async function recordRefusal(ctx: Ctx, question: Question, error: DomainError): Promise<void> {
  const rule = typeof error.details['rule'] === 'string' ? error.details['rule'] : error.code
  await write(ctx, question, (asked) => ({
    event: 'registry.refused',
    decision: 'deny',
    rule,
    detail: { ...asked, message: auditText(error.message, 500) },
  }))
}

/** What a call would be called with is recorded as of a call that is made: by its digest. */
function recorded(given: unknown): unknown {
  if (typeof given !== 'object' || given === null || !Object.hasOwn(given, 'arguments')) return given ?? {}
  const { arguments: ofCall, ...rest } = given as { arguments: unknown }
  return { ...rest, argumentsDigest: digestOf(ofCall) }
}

type Asked = { tool: string; arguments: string; via: string }
type Entry =
  | { event: 'registry.asked'; detail: Asked & { outcome: string } }
  | { event: 'registry.refused'; decision: 'deny'; rule: string; detail: Asked & { message: string } }

async function write(ctx: Ctx, question: Question, entryOf: (asked: Asked) => Entry): Promise<void> {
  const { agentId } = question
  const subject =
    agentId === undefined
      ? { kind: 'registry', id: 'registry', name: 'Registry' }
      : { kind: 'agent', id: auditText(agentId), name: auditText(agentId) }
  const asked = {
    tool: auditText(question.tool),
    arguments: auditText(canonicalJson(recorded(question.arguments)), 2000),
    via: viaOf(ctx),
  }
  try {
    await inTx(ctx, async (tx, ctx) => {
      const entry = entryOf(asked)
      if (entry.event === 'registry.asked') recordAudit(tx, ctx, { subject, ...entry })
      else recordAudit(tx, ctx, { subject, ...entry })
    })
  } catch {
    throw new DomainError(
      'unavailable',
      'The audit log cannot be written now, so nothing is answered. Try again shortly.',
      {
        rule: 'audit_unavailable',
      },
    )
  }
}

/** With what the person came: a personal access token or a connected app. */
function viaOf({ actor }: Ctx): string {
  if (actor.kind !== 'person') return actor.kind
  return actor.connectionId === undefined ? `token:${actor.tokenId}` : `app:${actor.connectionId}`
}
