import { z } from 'zod'
import { digestOf } from '#lib/core/canonical-json.ts'
import { decide } from '#lib/guardrails/rules/decide.ts'
import { finishedRow } from '../audit/records.ts'
import { auditDenial } from '../denials.ts'
import { type AgentRequest, type PipelineParts, recorded } from '../pipeline-parts.ts'
import type { RpcReply } from '../upstream/http.ts'
import type { BrokeredServer } from '../view/view.ts'
import { type Ask, byAnswer, isAsk, permit } from './asks.ts'
import { AskRefused } from './refusal.ts'

// Answers that an agent of 2026-07-28 brings without the state of the call it goes on with: nothing proves that they were asked for.

const inputRequests = z.record(z.string(), z.looseObject({ method: z.string() }))

/** Answers by key, each with what it answers as far as its form says. */
export type Unproven = ReadonlyMap<string, { method: string; answer: unknown }>

/** What an answer answers, by its form; undefined for what is no answer. */
export function methodOf(answer: unknown): string | undefined {
  if (typeof answer !== 'object' || answer === null) return undefined
  if (typeof (answer as { action?: unknown }).action === 'string') return 'elicitation/create'
  if (Array.isArray((answer as { roots?: unknown }).roots)) return 'roots/list'
  return 'content' in answer && 'role' in answer ? 'sampling/createMessage' : undefined
}

/** Null for a request that goes on from a state, or answers nothing: then nothing is unproven. */
export function unprovenIn({ talk, params, state, task }: AgentRequest): Unproven | null {
  if (talk.era === 'legacy' || state || task || params['inputResponses'] === undefined) return null
  const answers = Object.entries(params['inputResponses'] as Record<string, unknown>)
  return new Map(
    answers.flatMap(([key, answer]) => {
      const method = methodOf(answer)
      return method === undefined ? [] : [[key, { method, answer }]]
    }),
  )
}

/** The call as if it were the first: what is unproven stays here. */
export function withoutAnswers(params: Record<string, unknown>): Record<string, unknown> {
  const { inputResponses: _, ...rest } = params
  return rest
}

/**
 * The server has been called without the answers. Those that it asks for now, under their key and of their kind, are given to it; everything else it never
 * sees. Undefined: there is none, and whoever calls is asked.
 */
export async function givenWhatIsAsked(
  parts: PipelineParts,
  request: AgentRequest,
  {
    server,
    reply,
    unproven,
    send,
  }: {
    server: BrokeredServer
    reply: RpcReply & { ok: true }
    unproven: Unproven
    send: (more: Record<string, unknown>) => Promise<RpcReply>
  },
): Promise<RpcReply | undefined> {
  const asks = inputRequests.safeParse(reply.result['inputRequests'] ?? {})
  if (!asks.success) return undefined
  const inputResponses: Record<string, unknown> = {}
  for (const [key, { method, answer }] of unproven) {
    const ask = Object.hasOwn(asks.data, key) ? asks.data[key] : undefined
    if (!ask || ask.method !== method || !isAsk(method)) continue
    await put(parts, request, { server, ask, answer })
    inputResponses[key] = answer
  }
  if (Object.keys(inputResponses).length === 0) return undefined
  const { requestState } = reply.result
  return await send({ inputResponses, ...(typeof requestState === 'string' ? { requestState } : {}) })
}

/** The question and its answer are on the record before the server has it. */
async function put(
  parts: PipelineParts,
  request: AgentRequest,
  { server, ask, answer }: { server: BrokeredServer; ask: Ask; answer: unknown },
): Promise<void> {
  const permitted = await permit(parts, request, { server, ask, occasion: byAnswer })
  if (!permitted.ok) throw new AskRefused(permitted.error)
  const { caller, agent } = request
  const call = { caller, serverId: server.id, tool: ask.method, isMethod: true } as const
  const decision = decide(call, parts.view, parts.now())
  if (!decision.ok) throw new AskRefused(decision.error)
  const { tool, judged } = decision.value
  const record = { agent, caller, tool, judged, argumentsDigest: digestOf(answer) }
  const row = finishedRow(record, { outcome: 'ok', ms: 0, denial: null, findings: null, now: parts.now() })
  if (!(await recorded(parts, row, { happened: false }))) throw new AskRefused(auditDenial)
}
