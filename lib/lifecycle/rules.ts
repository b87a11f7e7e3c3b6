import { Cron } from 'croner'
import type { AgentStatus, CreationStepName, Tier } from '#lib/registry/schema.ts'

type Move = { from: readonly AgentStatus[]; to: AgentStatus }

/** One table drives the command, the button and its tooltip. A retired agent stays retired. */
const moves = {
  activate: { from: ['provisioning'], to: 'active' },
  suspend: { from: ['active'], to: 'suspended' },
  resume: { from: ['suspended'], to: 'active' },
  retire: { from: ['provisioning', 'active', 'suspended'], to: 'retired' },
} as const satisfies Record<string, Move>
export type MoveName = keyof typeof moves

export function canMove(status: AgentStatus, move: MoveName): boolean {
  const { from }: Move = moves[move]
  return from.includes(status)
}

/** Why a move is not possible, for the tooltip and the refusal; null when it is. */
export function moveProblem(status: AgentStatus, move: MoveName): string | null {
  if (canMove(status, move)) return null
  if (status === 'retired') return 'The agent is retired, and a retired agent stays retired.'
  const { from }: Move = moves[move]
  return `The agent is ${status}; only an agent that is ${from.join(' or ')} can do this.`
}

/** Why a cron expression is not accepted, in words; null when it is. Five fields, UTC, and it must fire some day. */
export function scheduleProblem(cron: string, now: Date): string | null {
  if (cron.trim().split(/\s+/).length !== 5) return 'Write five cron fields (minute hour day month weekday), in UTC.'
  try {
    return nextRuns(cron, { after: now, count: 1 }).length > 0 ? null : 'This schedule never comes due.'
  } catch (error) {
    return `This is not a cron expression: ${error instanceof Error ? error.message : String(error)}`
  }
}

/** When a schedule comes due next, in UTC. Throws for what is not a cron expression. */
export function nextRuns(cron: string, { after, count }: { after: Date; count: number }): Date[] {
  return new Cron(cron, { mode: '5-part', timezone: 'UTC', paused: true }).nextRuns(count, after)
}

/** Days between reviews: the riskier, the sooner. */
export const reviewDays = { low: 180, medium: 90, high: 30 } as const satisfies Record<Tier, number>

export function nextReview(tier: Tier, from: Date): Date {
  return new Date(from.getTime() + reviewDays[tier] * 86_400_000)
}

const stepLabels: Record<CreationStepName, string> = {
  register: 'Register the agent and its first version',
  scopes: 'Grant what the template pre-approves, request the rest',
  claude: 'Create the agent at Claude, bound to this version',
  credentials: 'Issue its credentials for the broker',
  schedule: 'Set its schedule',
  activate: 'Activate it',
  first_run: 'Start the first run',
}

/** The steps of a creation, in order; those that do not apply are left out. */
export function creationPlan(input: {
  schedule: string | null
  firstRun: boolean
}): { step: CreationStepName; label: string }[] {
  const steps: CreationStepName[] = ['register', 'scopes', 'claude', 'credentials']
  if (input.schedule !== null) steps.push('schedule')
  steps.push('activate')
  if (input.firstRun) steps.push('first_run')
  return steps.map((step) => ({ step, label: stepLabels[step] }))
}
