import type { EscalationKind } from '#lib/harness/schema.ts'

export const escalationWords = {
  escalate: 'escalated',
  held: 'held',
  refusal: 'refused',
} as const satisfies Record<EscalationKind, string>
