import { tiers } from '../schema.ts'
import type { AgentGroup } from './access.ts'
import { andInto, andNotInto, type Bitmap, clearBit, emptyBitmap, setBit } from './bitmap.ts'
import type { FleetAgent } from './facts.ts'
import type { FleetIndex } from './fleet-index.ts'
import type { Names } from '../rules/guardrails.ts'

/** A group with the names it is told apart by. `key`: two with one key are the same agents. */
export type Group = AgentGroup & { names: Names; key: string }

/** The group of an agent where policies name these. */
export function groupOf({ tier, ownerTeamId, templateId, id }: FleetAgent, names: Names): Group {
  return grouped(
    {
      tier,
      team: names.team.includes(ownerTeamId) ? ownerTeamId : '',
      template: names.template.includes(templateId) ? templateId : '',
      agent: names.agent.includes(id) ? id : '',
    },
    names,
  )
}

/** Whether what agents are grouped by is the same of both. */
export function isSameGroup(a: FleetAgent, b: FleetAgent): boolean {
  return a.tier === b.tier && a.ownerTeamId === b.ownerTeamId && a.templateId === b.templateId
}

/** Every group there is where policies name these; every agent is in one of them. */
export function groupsFor(index: FleetIndex, names: Names): readonly Group[] {
  const { team: teams, template: templates, agent: agents } = names
  const groups = tiers.flatMap((tier) =>
    ['', ...teams].flatMap((team) =>
      ['', ...templates].map((template) => grouped({ tier, team, template, agent: '' }, names)),
    ),
  )
  for (const agent of agents) {
    const slot = index.slotOf.get(agent)
    if (slot !== undefined) groups.push(groupOf(index.agent(slot), names))
  }
  return groups
}

/** The agents of a group; null when there is none. */
export function groupBits(index: FleetIndex, { tier, team, template, agent, names }: Group): Bitmap | null {
  const ofTier = index.bits('tier', tier)
  if (!ofTier) return null
  const found = new Uint32Array(ofTier)
  for (const [dimension, name, others] of [
    ['owner', team, names.team],
    ['template', template, names.template],
  ] as const) {
    const bits = name === '' ? null : index.bits(dimension, name)
    if (name !== '' && !bits) return null
    if (bits) andInto(found, bits)
    else for (const other of others) andNotInto(found, index.bits(dimension, other) ?? emptyBitmap(index.words))
  }
  if (agent === '') {
    for (const other of names.agent) {
      const slot = index.slotOf.get(other)
      if (slot !== undefined) clearBit(found, slot)
    }
    return found
  }
  const slot = index.slotOf.get(agent)
  if (slot === undefined) return null
  const only = emptyBitmap(index.words)
  setBit(only, slot)
  return andInto(found, only)
}

function grouped(group: AgentGroup, names: Names): Group {
  const { tier, team, template, agent } = group
  const others = [team === '' ? names.team : [], template === '' ? names.template : [], agent === '' ? names.agent : []]
  return { ...group, names, key: JSON.stringify([tier, team, template, agent, ...others]) }
}

/** Notes a kind of grant under a group. */
export function addTo(byGroup: Map<string, { group: Group; kinds: string[] }>, group: Group, kind: string): void {
  const known = byGroup.get(group.key)
  if (known) known.kinds.push(kind)
  else byGroup.set(group.key, { group, kinds: [kind] })
}
