import { z } from 'zod'
import { err, ok, type Result } from '#lib/core/result.ts'
import type { Denial } from '#lib/guardrails/schema.ts'
import type { AgentRequest, PipelineParts } from '../pipeline-parts.ts'
import type { RpcReply } from '../upstream/http.ts'
import { untilAborted } from '../until-aborted.ts'
import type { BrokeredServer } from '../view/view.ts'
import type { RpcError } from '../wire.ts'
import { type Ask, asksAtOnceMax, byAnswer, permit } from './asks.ts'
import type { Turn } from './conversation.ts'
import { answersIn } from './continued.ts'
import { methodsOf, sealState } from './input-required.ts'
import { AskRefused } from './refusal.ts'

// MCP 2025-11-25, "URL elicitation required": an error of this code says that pages must be opened before the request can be carried out, and names them. It asks as
// much as `elicitation/create` does, so it takes the same grant, guard and record.

const requiredCode = -32042
const requiredPages = z.object({
  elicitations: z
    .array(z.looseObject({ mode: z.literal('url'), url: z.string(), message: z.string(), elicitationId: z.string() }))
    .min(1)
    .max(asksAtOnceMax),
})
const method = 'elicitation/create'
/** The methods besides `tools/call` whose result may ask for input since 2026-07-28. */
const asking: ReadonlySet<unknown> = new Set(['prompts/get', 'resources/read'])

type FailedReply = RpcReply & { ok: false }

export function requiresPages(reply: RpcReply): reply is FailedReply {
  return !reply.ok && reply.error.code === requiredCode
}

/**
 * The error with the pages that the agent may be asked to open, each of them on the record, in place of all that came with it; or why it may not be asked.
 * @param declared what the agent can be asked for, as it said
 */
export async function permittedPages(
  parts: PipelineParts,
  by: Pick<AgentRequest, 'caller' | 'agent'>,
  {
    server,
    error,
    declared,
  }: { server: BrokeredServer; error: RpcError; declared: AgentRequest['talk']['capabilities'] },
): Promise<Result<RpcError & { data: { elicitations: unknown[] } }, Denial>> {
  if (!opensPages(declared)) {
    const message = `${server.id} asks for pages to be opened, and the agent has not said that it can.`
    return err({ rule: 'method_not_brokered', message })
  }
  const required = requiredPages.safeParse(error.data)
  if (!required.success) {
    const message = `${server.id} asks for pages to be opened in a way MCP does not know.`
    return err({ rule: 'upstream_unavailable', message })
  }
  const elicitations: unknown[] = []
  for (const params of required.data.elicitations) {
    const permitted = await permit(parts, by, { server, ask: { method, params }, occasion: byAnswer })
    if (!permitted.ok) return permitted
    elicitations.push(permitted.value.params)
  }
  return ok({ ...error, data: { elicitations } })
}

/**
 * A reply that requires pages, as it may be passed on. An agent with a session gets the error, one of 2026-07-28, which does not know it, a result that asks it to open the pages; the
 * call is made again when it says that it will.
 */
export async function withPermittedPages(
  parts: PipelineParts,
  request: AgentRequest,
  { turn, reply }: { turn: Pick<Turn, 'server' | 'call' | 'running'>; reply: FailedReply },
): Promise<RpcReply> {
  const { server, running } = turn
  const { talk } = request
  const permitted = await permittedPages(parts, request, { server, error: reply.error, declared: talk.capabilities })
  // The server has carried out nothing.
  if (!permitted.ok) throw new AskRefused(permitted.error, 'upstream_error')
  if (talk.era === 'legacy') return { ...reply, error: permitted.value }
  const mayAsk = request.method === undefined || asking.has(request.method)
  if (request.task || !mayAsk || isDeclined(request)) return withoutPages(reply)
  const asks = permitted.value.data.elicitations.map((params, at): [string, Ask] => [
    `page-${at + 1}`,
    { method, params: withoutId(params) },
  ])
  const sealed = sealState(parts, request, { call: turn.call, state: { again: true, asked: methodsOf(asks) } })
  const requestState = await untilAborted(sealed, running.signal)
  return { ok: true, result: { resultType: 'input_required', inputRequests: Object.fromEntries(asks), requestState } }
}

/** The id of a page to open is none from 2026-07-28 on. */
export function withoutId(params: unknown): unknown {
  const { elicitationId: _, ...rest } = (params ?? {}) as Record<string, unknown>
  return rest
}

function opensPages(declared: AgentRequest['talk']['capabilities']): boolean {
  const elicitation = declared?.['elicitation'] as { url?: unknown } | null | undefined
  return typeof elicitation?.url === 'object' && elicitation.url !== null
}

/** Whether somebody has said no to what was asked for the call. */
function isDeclined({ params, state }: AgentRequest): boolean {
  if (!state?.again) return false
  const answers = answersIn(params['inputResponses'] ?? {}) ?? []
  return answers.some(([, answer]) => (answer as { action?: unknown } | null)?.action !== 'accept')
}

/** What the server said in words, without the pages. */
function withoutPages({ status, error }: FailedReply): FailedReply {
  return { ok: false, status, error: { code: -32603, message: error.message } }
}
