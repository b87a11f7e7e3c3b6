import { createHash } from 'node:crypto'
import { type DataClass, dataClasses } from '#lib/registry/schema.ts'
import { createRandom, type Random } from '../../demo/data/random.ts'

// The organization around a large fleet, and each agent of it. The same seed gives the same fleet, relative to the day it is made on.

export const teamCount = 60
export const serverCount = 30
export const productionCount = 8
export const historyDays = 90
const peoplePerTeam = 4
const dayMs = 86_400_000

export type LargeServer = {
  id: string
  name: string
  environment: 'development' | 'staging' | 'production'
  sensitivity: 'public' | 'internal' | 'confidential' | 'restricted'
  dataClasses: DataClass[]
  tools: { name: string; class: 'read' | 'write' | 'destructive'; state: 'approved' | 'quarantined' }[]
}
export type LargeTemplate = { id: string; name: string; versions: string[]; model: string; verb: string }

const systems = [
  'erp',
  'crm',
  'invoices',
  'tickets',
  'deploys',
  'billing',
  'warehouse',
  'payroll',
  'contracts',
  'catalog',
] as const
const verbs = {
  read: ['get', 'list', 'search', 'export', 'count'],
  write: ['create', 'update', 'post'],
  destructive: ['delete', 'purge'],
} as const
const departments = [
  'finance',
  'support',
  'logistics',
  'people',
  'sales',
  'legal',
  'platform',
  'data',
  'security',
  'marketing',
] as const
const regions = ['emea', 'amer', 'apac', 'nordics', 'iberia', 'global'] as const
const subjects = ['invoices', 'orders', 'refunds', 'tickets', 'suppliers', 'contracts', 'releases', 'incidents', 'leads', 'payouts', 'claims', 'shipments', 'renewals', 'access reviews', 'duplicates', 'chargebacks'] as const // prettier-ignore

export const largeTemplates: readonly LargeTemplate[] = [
  { id: 'fleet-reconciler', name: 'Fleet reconciler', versions: ['1.0.0', '1.1.0', '2.0.0'], model: 'claude-sonnet-5', verb: 'reconcile' },
  { id: 'fleet-triager', name: 'Fleet triager', versions: ['1.0.0', '1.0.1'], model: 'claude-haiku-4-5', verb: 'triage' },
  { id: 'fleet-reporter', name: 'Fleet reporter', versions: ['1.0.0', '1.2.0', '1.3.0', '2.1.0'], model: 'claude-sonnet-5', verb: 'report on' },
  { id: 'fleet-reviewer', name: 'Fleet reviewer', versions: ['0.9.0', '1.0.0'], model: 'claude-opus-5', verb: 'review' },
  { id: 'fleet-migrator', name: 'Fleet migrator', versions: ['1.0.0'], model: 'claude-opus-5', verb: 'migrate' },
  { id: 'fleet-watcher', name: 'Fleet watcher', versions: ['1.0.0', '1.1.0'], model: 'claude-haiku-4-5', verb: 'watch' },
] // prettier-ignore

export const largeTeams = Array.from({ length: teamCount }, (_, at) => {
  const name = `${departments[at % departments.length]!} ${regions[Math.floor(at / departments.length)]!}`
  return { id: `fleet-${name.replace(' ', '-')}`, name: `Fleet ${name}`, costCenter: `FC-${1000 + at}` }
})

export const largePeople = largeTeams.flatMap((team, teamAt) =>
  Array.from({ length: peoplePerTeam }, (_, at) => ({
    id: fleetUuid(`person ${team.id} ${at}`),
    name: `${team.name} ${['lead', 'builder one', 'builder two', 'builder three'][at]!}`,
    email: `${team.id}-${at}@fleet.wheelhouse.invalid`,
    // Some have left, so that agents are orphaned.
    active: !(at === 3 && teamAt % 5 === 0),
    teamId: team.id,
    lead: at === 0,
  })),
)

export const largeServers: readonly LargeServer[] = Array.from({ length: serverCount }, (_, at) => {
  const system = systems[at % systems.length]!
  const environment = at < productionCount ? 'production' : at % 2 === 0 ? 'staging' : 'development'
  const id = `fleet-${system}-${environment === 'production' ? 'prod' : environment === 'staging' ? 'stage' : 'dev'}-${at}`
  return {
    id,
    name: `Fleet ${system} ${at}`,
    environment,
    sensitivity: (['internal', 'confidential', 'restricted', 'public'] as const)[at % 4]!,
    // Some hold no data that has a kind.
    dataClasses: dataClasses.filter((_, kind) => (at + kind) % 4 === 0),
    tools: Object.entries(verbs).flatMap(([toolClass, names]) =>
      names.map((verb, tool) => ({
        name: `${verb}_${system}`,
        class: toolClass as keyof typeof verbs,
        state: at % 7 === 6 && tool === 1 ? ('quarantined' as const) : ('approved' as const),
      })),
    ),
  }
})

export type LargeAgent = {
  id: string
  name: string
  purpose: string
  team: (typeof largeTeams)[number]
  personId: string
  tier: 'low' | 'medium' | 'high'
  status: 'active' | 'suspended' | 'retired'
  template: LargeTemplate
  templateVersion: string
  createdDaysAgo: number
  reviewedDaysAgo: number | null
  nextReviewInDays: number
  grants: {
    server: LargeServer
    class: 'read' | 'write' | 'destructive'
    toolName: string | null
    expiresInDays: number | null
    revoked: boolean
  }[]
  /** Runs by days before today, of days with any. */
  days: { daysAgo: number; runs: number; failed: number; escalated: number; costMicros: number; unpriced: number }[]
}

/** Each agent follows from the seed and its number alone. */
export function planLargeAgent(seed: number, number: number): LargeAgent {
  const random = createRandom(Math.imul(seed + 1, 0x9e3779b1) ^ Math.imul(number + 1, 0x85ebca6b))
  const team = random.pick(largeTeams)
  const template = random.pick(largeTemplates)
  const subject = random.pick(subjects)
  const region = random.pick(regions)
  const createdDaysAgo = random.int(1, 700)
  const status = random.chance(0.85) ? 'active' : random.chance(0.5) ? 'suspended' : 'retired'
  return {
    id: `${template.id.slice('fleet-'.length)}-${subject.replace(' ', '-')}-${String(number).padStart(6, '0')}`,
    name: `${template.verb[0]!.toUpperCase()}${template.verb.slice(1)} ${subject} ${region} ${number}`,
    purpose: `${template.verb} ${subject} of ${region} for ${team.name.toLowerCase()}, and tell a person what does not fit`,
    team,
    personId: random.pick(largePeople.filter(({ teamId }) => teamId === team.id)).id,
    tier: random.chance(0.6) ? 'low' : random.chance(0.7) ? 'medium' : 'high',
    status,
    template,
    templateVersion: random.pick(template.versions),
    createdDaysAgo,
    reviewedDaysAgo: random.chance(0.2) ? null : random.int(0, createdDaysAgo),
    nextReviewInDays: random.int(-40, 180),
    grants: planGrants(random),
    days: status === 'active' ? planDays(random, createdDaysAgo) : [],
  }
}

function planGrants(random: Random): LargeAgent['grants'] {
  return Array.from({ length: random.int(0, 5) }, () => {
    const server = random.pick(largeServers)
    const toolClass = random.chance(0.7) ? 'read' : random.chance(0.85) ? 'write' : 'destructive'
    const tools = server.tools.filter((tool) => tool.class === toolClass)
    return {
      server,
      class: toolClass,
      toolName: random.chance(0.2) ? random.pick(tools).name : null,
      expiresInDays: random.chance(0.6) ? null : random.int(-30, 120),
      revoked: random.chance(0.05),
    }
  })
}

function planDays(random: Random, createdDaysAgo: number): LargeAgent['days'] {
  // A third runs daily, a third on some days, the rest hardly ever.
  const [share, busy] = random.pick([[0.95, 12], [0.3, 4], [0.03, 2]] as const) // prettier-ignore
  const escalating = random.chance(0.1) ? 0.3 : 0.03
  const days: LargeAgent['days'] = []
  for (let daysAgo = Math.min(historyDays, createdDaysAgo) - 1; daysAgo >= 0; daysAgo -= 1) {
    if (!random.chance(share)) continue
    const runs = random.int(1, busy)
    const escalated = Math.min(runs, random.chance(escalating * runs) ? random.int(1, runs) : 0)
    days.push({
      daysAgo,
      runs,
      failed: random.chance(0.05) ? 1 : 0,
      escalated,
      costMicros: runs * random.int(2000, 400_000),
      unpriced: random.chance(0.01) ? 1 : 0,
    })
  }
  return days
}

/** A UUID that follows from a name, in the form of version 8 (RFC 9562: any content). */
export function fleetUuid(name: string): string {
  const hex = createHash('sha256').update(`large fleet ${name}`).digest('hex')
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-8${hex.slice(13, 16)}-a${hex.slice(17, 20)}-${hex.slice(20, 32)}`
}

export function daysBefore(today: Date, days: number): Date {
  return new Date(today.getTime() - days * dayMs)
}
