import { createRandom } from './random.ts'
import type { Ticket } from './tickets-data.ts'

export type Change = { type: 'feature' | 'fix' | 'internal'; text: string; ticket: string | null }
export type DeployRecord = {
  service: string
  version: string
  environment: 'production' | 'staging'
  deployed_by: string
  deployed_at: string
  replicas: number
  flags: Record<string, boolean>
  changes: Change[]
}

export const services = ['payments-api', 'ledger', 'web-portal', 'notifications', 'search'] as const

const features: Record<(typeof services)[number], readonly string[]> = {
  'payments-api': ['Pay by bank transfer in eight more countries', 'Partial refunds from the API', 'Idempotency keys are kept for 30 days'],
  ledger: ['Monthly export as a spreadsheet', 'Cost centers on bookings', 'Read replica for reports'],
  'web-portal': ['Saved filters on the order list', 'Keyboard shortcuts', 'Orders can be copied'],
  notifications: ['Quiet hours per recipient', 'Templates with a preview', 'Delivery log with reasons'],
  search: ['Typing mistakes are forgiven', 'Facets with counts', 'Results while you type'],
} // prettier-ignore
const internals = [
  'Runtime updated',
  'Slow query rewritten',
  'Dead code removed',
  'Logs carry the request id',
  'Dependency updates',
]

/** 60 deploys over three months, oldest first; fixes name tickets of the same product that were resolved before the deploy. */
export function buildDeploys(tickets: readonly Ticket[], seed = 4_404): DeployRecord[] {
  const random = createRandom(seed)
  const versions = new Map<string, [number, number, number]>(
    services.map((service, index) => [service, [index + 1, 4, 0]]),
  )
  const unreleased = new Map<string, Ticket[]>(
    services.map((service) => [service, tickets.filter((ticket) => ticket.product === service && isDone(ticket))]),
  )
  return Array.from({ length: 60 }, (_, index) => {
    const service = services[random.int(0, services.length - 1)]!
    const at = new Date(
      Date.parse('2026-08-28T09:00:00Z') + index * 34 * 3_600_000 + random.int(0, 400) * 60_000,
    ).toISOString()
    const waiting = unreleased.get(service)!
    const fixed = waiting.filter((ticket) => ticket.updated_at < at).slice(0, 3)
    unreleased.set(
      service,
      waiting.filter((ticket) => !fixed.includes(ticket)),
    )
    const changes: Change[] = fixed.map((ticket) => ({
      type: 'fix',
      text: `Fixed: ${ticket.title}`,
      ticket: ticket.id,
    }))
    if (random.chance(0.55)) changes.push({ type: 'feature', text: random.pick(features[service]), ticket: null })
    if (changes.length === 0 || random.chance(0.4))
      changes.push({ type: 'internal', text: random.pick(internals), ticket: null })
    const version = versions.get(service)!
    if (changes.some((change) => change.type === 'feature')) [version[1], version[2]] = [version[1] + 1, 0]
    else version[2] += 1
    return {
      service,
      version: version.join('.'),
      environment: random.chance(0.8) ? 'production' : 'staging',
      deployed_by: random.pick(['Ivo Marek', 'Lena Brandt', 'Sam Okafor', 'Yuki Tanabe']),
      deployed_at: at,
      replicas: random.int(2, 6),
      flags: { new_pricing: index > 30, dark_launch: random.chance(0.5) },
      changes,
    }
  })
}

function isDone(ticket: Ticket): boolean {
  return ticket.status === 'resolved' || ticket.status === 'closed'
}
