import { inexactNumber } from '#lib/core/exact-json.ts'
import { spendingDenial } from '#lib/guardrails/rules/budget.ts'
import type { Allowed } from '#lib/guardrails/rules/decide.ts'
import type { Denial } from '#lib/guardrails/schema.ts'
import { auditText } from './audit/records.ts'
import type { Circuit } from './upstream/circuit.ts'
import type { PipelineParts } from './pipeline-parts.ts'
import type { UpstreamHealth } from './upstream/health.ts'
import type { BrokeredServer } from './view/view.ts'

// Refusals of the broker itself, which no registry knows of.

export const auditDenial: Denial = { rule: 'audit_unavailable', message: 'The audit log cannot be written now.' }

/** Why a call that costs something does not go now: nobody has looked for too long at who has spent too much. */
export function spendingUnknown(
  { view, limits, now }: Pick<PipelineParts, 'view' | 'limits' | 'now'>,
  { tool }: Pick<Allowed, 'tool'>,
): Denial | null {
  const known = { lookedAt: view.spendingLookedAt, ageMsMax: limits.spendingAgeMsMax, now: now() }
  return spendingDenial(tool, known)
}

/** Why nothing is sent to the server now; null when the call is admitted, which its end must then be told of (`health.watch`). */
export function circuitDenial(health: UpstreamHealth, server: BrokeredServer, call: object): Denial | null {
  const circuit = health.circuitOf(server)
  return unavailable(circuit, server, circuit.admit(call))
}

/** Why no stream is opened to the server now; null when one may be, which tells the circuit nothing. */
export function streamDenial(health: UpstreamHealth, server: BrokeredServer): Denial | null {
  const circuit = health.circuitOf(server)
  return unavailable(circuit, server, circuit.waitMs)
}

function unavailable(circuit: Circuit, server: BrokeredServer, retryAfterMs: number): Denial | null {
  if (retryAfterMs === 0) return null
  const seconds = Math.ceil(retryAfterMs / 1000)
  const reason = circuit.lastError?.message ?? 'it failed'
  return {
    rule: 'upstream_unavailable',
    message: `The server ${server.id} failed ${circuit.failures} times in a row (${reason}), so nothing is sent to it. Try again in ${seconds} s.`,
    facts: { retryAfterMs },
  }
}

/** The record of the end did not become durable in time. */
export function afterTheFact(changes: boolean): Denial {
  if (!changes) return auditDenial
  const message =
    'The call was sent to the server, but its end could not be recorded in time. It may have been carried out.'
  return { rule: 'audit_unavailable', message }
}

export function namesNoTool(name: string): Denial {
  const message = `${auditText(name)} names no tool of a registered server; here tools are named {server}__{tool}.`
  // The step that asks for the server, which it names none of.
  return { rule: 'tool_unknown', message, facts: { server: '' } }
}

/** Why a request is refused whose numbers the broker cannot hold: it would decide about others than it passes on. Null for any other. */
export function inexactDenial(text: string): Denial | null {
  const found = inexactNumber(text)
  if (!found) return null
  const { name, source } = found
  const where = name === null ? '' : ` of ${auditText(name)}`
  return { rule: 'number_inexact', message: `The number ${auditText(source, 40)}${where} cannot be held exactly.` }
}
