import { personas } from '#lib/auth/personas.ts'
import type { Role } from '#lib/auth/permissions.ts'
import type { CreateHoldRuleInput, HoldRuleFacts } from '#lib/guardrails/schema/held-calls.ts'
import { createHoldRuleInput } from '#lib/guardrails/schema/held-calls.ts'
import type { Random } from '../../demo/data/random.ts'
import type { PlannedCall } from './plan-runs.ts'

/** What a person made of a held call; `expire`: nobody looked at it in time. */
export type Hold = {
  rule: HoldRuleFacts
  waitMs: number
  deciderId: string
  decision: 'approve' | 'edit' | 'reject' | 'expire'
  note: string | undefined
  arguments: Record<string, unknown>
}

type Draw = (rule: HoldRuleFacts, call: PlannedCall, random: Random) => Omit<Hold, 'rule'>

const idOf = (role: Role): string => personas.find((persona) => persona.role === role)!.id

/** Rules that hold calls in the demo, and how people decide by them: one with care, one by habit. */
export const heldBy: readonly { rule: CreateHoldRuleInput; draw: Draw }[] = [
  {
    rule: createHoldRuleInput.parse({
      title: 'A correction of a purchase order',
      serverId: 'erp',
      toolName: 'post_adjustment',
      deciderRoles: ['security', 'platform_admin'],
      decideSeconds: 900,
    }),
    draw(rule, call, random) {
      const chance = random.next()
      const decision = chance < 0.6 ? 'approve' : chance < 0.72 ? 'edit' : chance < 0.85 ? 'reject' : 'expire'
      const deciderId = idOf(random.chance(0.7) ? 'security' : 'platform_admin')
      const waitMs = decision === 'expire' ? rule.decideSeconds * 1000 : random.int(25, 640) * 1000
      const note = decision === 'reject' ? 'The supplier has not confirmed this amount.' : undefined
      const amount = `${random.int(1, 20)}.00`
      return {
        waitMs,
        deciderId,
        decision,
        note,
        arguments: decision === 'edit' ? { ...call.arguments, amount } : call.arguments,
      }
    },
  },
  {
    rule: createHoldRuleInput.parse({
      title: 'A deploy recorded for production',
      serverId: 'deploys',
      toolName: 'record_deploy',
      conditions: [{ pointer: '/environment', equals: 'production' }],
      deciderRoles: ['on_call', 'platform_admin'],
      decideSeconds: 600,
    }),
    draw: (_rule, call, random) => ({
      waitMs: random.int(1_400, 6_500),
      deciderId: idOf('on_call'),
      decision: 'approve',
      note: undefined,
      arguments: call.arguments,
    }),
  },
]

/** Null: the rule is none of these. */
export function planHold(rule: HoldRuleFacts, call: PlannedCall, random: Random): Hold | null {
  const known = heldBy.find((each) => each.rule.title === rule.title && each.rule.toolName === rule.toolName)
  return known ? { rule, ...known.draw(rule, call, random) } : null
}
