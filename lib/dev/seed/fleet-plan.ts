import { createRandom, type Random } from '../demo/data/random.ts'
import { seedOf } from './demo-uuid.ts'
import { type DemoTeam, demoTeams, membersOf } from './organization.ts'

export type Behaviour = 'steady' | 'busy' | 'rare' | 'growing' | 'idle' | 'escalating' | 'failing'
export type PlannedAgent = {
  id: string
  name: string
  purpose: string
  teamId: string
  accountablePersonId: string
  templateId: 'invoice-reconciler' | 'ticket-triager' | 'release-note-writer'
  tier: 'low' | 'medium' | 'high'
  status: 'active' | 'suspended' | 'retired'
  statusReason: string | null
  behaviour: Behaviour
  /** Days before today. */
  createdDaysAgo: number
  lastReviewedDaysAgo: number | null
  /** No runs after this; 0: until today. */
  quietSinceDaysAgo: number
  runsPerDay: number
  schedule: string | null
  monthlyBudgetMicros: bigint | null
  extraScopes: readonly { server: string; class: 'read' | 'write' | 'destructive' }[]
}

type Theme = { template: PlannedAgent['templateId']; base: string; purpose: string; subjects: readonly string[] }

const reconcile = (subjects: string[]): Theme => ({
  template: 'invoice-reconciler',
  base: 'invoice-reconciler',
  purpose: 'match invoices to POs for {}, flag discrepancies',
  subjects,
})
const triage = (subjects: string[]): Theme => ({
  template: 'ticket-triager',
  base: 'ticket-triager',
  purpose: 'give new {} tickets a priority and a team',
  subjects,
})
const notes = (subjects: string[]): Theme => ({
  template: 'release-note-writer',
  base: 'release-notes',
  purpose: 'write release notes for {} from the deploy log',
  subjects,
})

/** Ten agents a team: what each works on. */
const themes: Record<string, readonly Theme[]> = {
  'finance-platform': [reconcile(['hardware', 'cloud', 'services', 'office', 'industrial', 'freight', 'energy']), notes(['ledger', 'billing']), triage(['billing'])],
  'accounts-payable': [reconcile(['emea', 'amer', 'apac', 'nordics', 'iberia', 'dach', 'benelux', 'top-50', 'one-time'])  , triage(['supplier'])],
  treasury: [reconcile(['fx', 'chf', 'gbp', 'usd', 'bank-fees', 'intercompany']), notes(['cash-forecast', 'payouts']), triage(['payout', 'bank'])],
  procurement: [reconcile(['framework', 'spot-buys', 'capex', 'leasing', 'travel', 'catering', 'print']), triage(['vendor', 'contract', 'catalog'])],
  'customer-support': [triage(['checkout', 'orders', 'returns', 'accounts', 'mobile', 'gift-card', 'delivery', 'night', 'weekend', 'vip'])],
  'support-operations': [triage(['escalated', 'reopened', 'spam', 'duplicate', 'legal', 'privacy', 'partner']), notes(['help-center', 'macros', 'status-page'])],
  'customer-success': [triage(['renewal', 'onboarding', 'enterprise', 'business', 'starter']), notes(['portal', 'api', 'mobile', 'integrations', 'reports'])],
  payments: [notes(['payments-api', 'refunds', 'cards', 'bank-transfer', 'fraud-check']), triage(['refund', 'chargeback', 'card']), reconcile(['acquirer', 'psp-fees'])],
  identity: [notes(['login', 'sso', 'sessions', 'consent', 'audit-log', 'directory']), triage(['login', 'mfa', 'sso', 'account-lock'])],
  search: [notes(['search', 'indexer', 'suggest', 'ranking', 'synonyms', 'facets']), triage(['search', 'relevance', 'feed', 'index'])],
  'data-platform': [notes(['pipelines', 'warehouse', 'exports', 'dashboards', 'catalog', 'streams']), triage(['data-quality', 'export', 'access']), reconcile(['data-vendors'])],
  'site-reliability': [notes(['edge', 'gateway', 'cluster', 'monitoring', 'backups', 'dns']), triage(['incident', 'capacity', 'certificate', 'alert'])],
  'agent-platform': [notes(['broker', 'sandbox', 'portal-core', 'worker', 'templates', 'cli']), triage(['platform', 'scope-request', 'wizard']), reconcile(['model-spend'])],
  security: [triage(['vulnerability', 'phishing', 'access-review', 'bug-bounty', 'abuse', 'dependency']), notes(['policies', 'scanner', 'secrets', 'endpoint'])],
} // prettier-ignore

/** By position in the fleet, so that each kind is there in a known number: 13 idle, 9 that escalate too much, 6 suspended, 8 retired. */
const behaviours: Record<number, Behaviour> = {
  ...Object.fromEntries([4, 17, 28, 39, 46, 58, 67, 75, 83, 96, 107, 118, 131].map((at) => [at, 'idle'])),
  ...Object.fromEntries([8, 22, 35, 44, 61, 79, 92, 113, 127].map((at) => [at, 'escalating'])),
  ...Object.fromEntries([13, 52, 88].map((at) => [at, 'failing'])),
  ...Object.fromEntries([0, 10, 40, 41, 42, 70, 90, 110, 120].map((at) => [at, 'busy'])),
  ...Object.fromEntries([2, 31, 64, 99, 122].map((at) => [at, 'growing'])),
}
const suspended: Record<number, string> = {
  15: 'Wrong supplier master data; the owner is correcting it',
  33: 'Waiting for the review of its scopes',
  57: 'Budget used up early this month',
  77: 'Escalated every second ticket after the queue was split',
  101: 'Its service is being replaced',
  129: 'Asked for by security during an access review',
}
const retired: Record<number, string> = {
  6: 'Energy invoices come through another system now',
  25: 'Merged into another agent',
  37: 'The queue was closed',
  55: 'Privacy tickets are triaged by hand again',
  72: 'Nobody read its notes',
  86: 'The pilot ended',
  104: 'The service was shut down',
  135: 'Cost more than it saved',
}

const extraScopes: Record<number, PlannedAgent['extraScopes']> = {
  0: [{ server: 'invoices', class: 'write' }, { server: 'erp', class: 'write' }],
  10: [{ server: 'invoices', class: 'write' }],
  12: [{ server: 'erp', class: 'write' }],
  21: [{ server: 'billing-db', class: 'read' }],
  23: [{ server: 'erp', class: 'write' }],
  40: [{ server: 'tickets', class: 'write' }],
  41: [{ server: 'tickets', class: 'write' }],
  42: [{ server: 'tickets', class: 'write' }],
  43: [{ server: 'tickets', class: 'write' }],
  51: [{ server: 'tickets', class: 'destructive' }],
  62: [{ server: 'crm', class: 'write' }],
  70: [{ server: 'deploys', class: 'write' }],
  76: [{ server: 'billing-db', class: 'write' }],
  78: [{ server: 'billing-db', class: 'write' }],
  110: [{ server: 'deploys', class: 'write' }],
  111: [{ server: 'deploys', class: 'destructive' }],
  116: [{ server: 'tickets', class: 'write' }],
} // prettier-ignore

/** The 140 demo agents, the same on every machine. */
export function planFleet(): PlannedAgent[] {
  const slots = demoTeams.flatMap((team) =>
    themes[team.id]!.flatMap((theme) => theme.subjects.map((subject) => ({ team, theme, subject }))),
  )
  return slots.map((slot, index) => planAgent(slot, index))
}

function planAgent(
  { team, theme, subject }: { team: DemoTeam; theme: Theme; subject: string },
  index: number,
): PlannedAgent {
  const id = `${theme.base}-${subject}`
  const random = createRandom(seedOf(id))
  const behaviour = behaviours[index] ?? random.pick(['steady', 'steady', 'steady', 'rare'] as const)
  const status = index in suspended ? 'suspended' : index in retired ? 'retired' : 'active'
  const createdDaysAgo = status === 'retired' || behaviour === 'idle' ? random.int(130, 260) : random.int(12, 240)
  const scopes = extraScopes[index] ?? []
  const writes = scopes.some((scope) => scope.class !== 'read')
  return {
    id,
    name: `${titleOf(theme.base)}: ${subject.replaceAll('-', ' ')}`,
    purpose: theme.purpose.replace('{}', subject.replaceAll('-', ' ')),
    teamId: team.id,
    accountablePersonId: random.pick(membersOf(team.id)).id,
    templateId: theme.template,
    tier: writes
      ? 'high'
      : theme.template === 'invoice-reconciler'
        ? 'medium'
        : random.pick(['low', 'low', 'medium'] as const),
    status,
    statusReason: suspended[index] ?? retired[index] ?? null,
    behaviour,
    createdDaysAgo,
    lastReviewedDaysAgo: random.chance(0.12) ? null : random.int(3, Math.min(150, createdDaysAgo)),
    quietSinceDaysAgo: quietSince(behaviour, status, random),
    runsPerDay: runsPerDay(behaviour, random),
    schedule: random.chance(0.7) ? `${random.int(0, 59)} ${random.int(4, 9)} * * 1-5` : null,
    monthlyBudgetMicros: random.chance(0.6) ? BigInt(random.pick([50, 100, 200, 400])) * 1_000_000n : null,
    extraScopes: scopes,
  }
}

function quietSince(behaviour: Behaviour, status: PlannedAgent['status'], random: Random): number {
  if (status === 'retired') return random.int(12, 70)
  if (status === 'suspended') return random.int(2, 15)
  return behaviour === 'idle' ? random.int(34, 82) : 0
}

function runsPerDay(behaviour: Behaviour, random: Random): number {
  if (behaviour === 'busy') return random.int(35, 70)
  if (behaviour === 'rare' || behaviour === 'idle') return random.int(1, 3)
  return random.int(4, 18)
}

function titleOf(base: string): string {
  return base[0]!.toUpperCase() + base.slice(1).replaceAll('-', ' ')
}
