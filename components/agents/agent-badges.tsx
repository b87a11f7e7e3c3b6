import { Badge, type Tone } from '#components/ui/badge.tsx'
import type { AgentRow, DataClass, Environment, Sensitivity, Tier } from '#lib/registry/schema.ts'

const tierTones = { low: 'neutral', medium: 'warn', high: 'danger' } as const satisfies Record<Tier, Tone>
const sensitivityTones = {
  public: 'neutral',
  internal: 'neutral',
  confidential: 'warn',
  restricted: 'danger',
} as const satisfies Record<Sensitivity, Tone>

export function TierBadge({ tier }: { tier: Tier }) {
  return <Badge tone={tierTones[tier]}>{tier} risk</Badge>
}

export function EnvironmentBadge({ environment }: { environment: Environment }) {
  return <Badge tone={environment === 'production' ? 'accent' : 'outline'}>{environment}</Badge>
}

export function SensitivityBadge({ sensitivity }: { sensitivity: Sensitivity }) {
  return <Badge tone={sensitivityTones[sensitivity]}>{sensitivity}</Badge>
}

/** Nobody who can sign in answers for it. */
export function OrphanBadge() {
  return <Badge tone="danger">orphaned</Badge>
}

export function isOrphaned({ accountable, status }: Pick<AgentRow, 'accountable' | 'status'>): boolean {
  return !accountable.active && status !== 'retired'
}

/** History and figures that were made up for this installation. */
export function DemoBadge() {
  return <Badge tone="outline">demo</Badge>
}

/** What kind of data is behind a server. */
export function DataClassBadges({ dataClasses }: { dataClasses: readonly DataClass[] }) {
  return dataClasses.map((each) => (
    <Badge key={each} tone="outline">
      {each.replaceAll('_', ' ')}
    </Badge>
  ))
}
