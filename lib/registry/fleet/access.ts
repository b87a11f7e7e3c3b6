import { covers } from '../rules.ts'
import { type Environment, type Tier, type ToolClass } from '../schema.ts'
import { capabilities, type Capability, capabilityOf, grantName } from '../schema/capabilities.ts'
import type { FleetFacts, FleetGrant, FleetServer, FleetStop } from './facts.ts'

/** What one test of access asks for: values are alternatives, keys left out ask nothing. All are about one tool. */
export type AccessTest = { can?: string[]; env?: string[]; data?: string[]; server?: string[]; tool?: string[] }

/** A tool that a grant reaches now, or with `method:` before its name what is granted besides tools. */
export type Reached = {
  class: ToolClass
  environment: Environment
  dataClasses: readonly string[]
  serverId: string
  serverName: string
  name: string
}
/** A tool that a grant covers and that does not count, with why. */
export type Unreached = Reached & { why: string }

/** Agents that the guardrails treat alike at a server; a name that is empty stands for all that they do not name there. */
export type AgentGroup = { tier: Tier; team: string; template: string; agent: string }

/** What a kind of grant reaches for a group of agents. Worked out once for each, because it is the same for every agent of the group that holds one. */
export type Reach = { reached: Reached[]; unreached: Unreached[] }

/** Identifies the kind of a grant: two agents with grants of one kind reach the same. Server ids hold no space. */
export function kindOf(grant: Omit<FleetGrant, 'expiresAt'>): string {
  const { serverId, class: toolClass, breakGlass, conditional, toolName } = grant
  const flags = `${breakGlass ? 'b' : '-'}${conditional ? 'c' : '-'}`
  return `${serverId} ${toolClass} ${flags}${toolName === null ? '' : ` ${toolName}`}`
}

/** What `kindOf` made a kind of; a tool's name may hold spaces. */
export function partsOfKind(kind: string): Pick<FleetGrant, 'serverId' | 'conditional' | 'toolName'> {
  const [serverId = '', , flags = '', ...rest] = kind.split(' ')
  return { serverId, conditional: flags.includes('c'), toolName: rest.length === 0 ? null : rest.join(' ') }
}

/**
 * Effective access: a tool counts if its server is active, it is approved, the grant covers its class, no open stop order covers the
 * organization, the server or the tool, and no central guardrail forbids it to the group. Stops of teams and agents are the caller's.
 */
export function reachOf(
  grant: Omit<FleetGrant, 'expiresAt'>,
  about: { group: AgentGroup; facts: FleetFacts; stops: readonly FleetStop[] },
): Reach {
  const server = about.facts.servers.get(grant.serverId)
  const reach: Reach = { reached: [], unreached: [] }
  if (!server) return reach
  const blocked = whyServerIsShut(server, about.stops)
  const candidates = [
    ...server.tools
      .filter(({ name, class: wanted }) => covers(grant.class, wanted) && [null, name].includes(grant.toolName))
      .map((tool) => ({ ...tool, ids: [tool.name] as readonly string[] })),
    ...besidesTools(grant).map((one) => ({
      name: grantName(one),
      class: 'read' as const,
      state: 'approved' as const,
      ids: one.methods,
    })),
  ]
  for (const tool of candidates) {
    const why = blocked ?? whyToolIsShut(tool, { ...about, server, breakGlass: grant.breakGlass })
    if (why === null) reach.reached.push(placed(tool, server))
    else reach.unreached.push({ ...placed(tool, server), why })
  }
  if (grant.toolName !== null && candidates.length === 0) {
    const tool = server.tools.find(({ name }) => name === grant.toolName)
    const why = tool ? 'the grant’s class does not cover it' : 'the server has no such tool'
    reach.unreached.push({ ...placed(tool ?? { name: grant.toolName, class: grant.class }, server), why })
  }
  return reach
}

function placed({ name, class: of }: { name: string; class: ToolClass }, server: FleetServer): Reached {
  const { id, name: serverName, environment, dataClasses } = server
  return { serverId: id, serverName: serverName.toLowerCase(), name, class: of, environment, dataClasses }
}

const stoppedWords: Record<string, string> = {
  agent: 'the agent',
  team: 'its team',
  server: 'the server',
  tool: 'the tool',
  organization: 'the organization',
}

/** `a stop order for its team is in force: somebody leaks`. */
export function stopText({ scope, reason }: FleetStop): string {
  return `a stop order for ${stoppedWords[scope] ?? scope} is in force: ${reason}`
}

export function satisfies(tool: Reached, test: AccessTest): boolean {
  if (test.can && !test.can.some((wanted) => covers(tool.class, wanted as ToolClass))) return false
  if (test.env && !test.env.includes(tool.environment)) return false
  if (test.data && !test.data.some((wanted) => tool.dataClasses.includes(wanted))) return false
  if (test.server && !test.server.some((wanted) => wanted === tool.serverId || wanted === tool.serverName)) return false
  if (!test.tool) return true
  const name = tool.name.toLowerCase()
  return test.tool.some((wanted) => wanted === name || wanted === `${tool.serverId}/${name}`)
}

/** What a grant opens besides tools. It has no arguments that conditions speak of, so a conditional grant opens none of it. */
function besidesTools({ toolName, conditional }: Pick<FleetGrant, 'toolName' | 'conditional'>): readonly Capability[] {
  if (conditional) return []
  if (toolName === null) return capabilities.filter(({ grantedBy }) => grantedBy === 'server')
  const one = capabilityOf(toolName)
  return one ? [one] : []
}

function whyServerIsShut(server: FleetServer, stops: readonly FleetStop[]): string | null {
  if (!server.active) return 'the server is disabled'
  const stop = stops.find(
    ({ scope, targetId }) => scope === 'organization' || (scope === 'server' && targetId === server.id),
  )
  return stop ? stopText(stop) : null
}

function whyToolIsShut(
  tool: { ids: readonly string[]; class: ToolClass; state: string },
  about: {
    group: AgentGroup
    facts: FleetFacts
    stops: readonly FleetStop[]
    server: FleetServer
    breakGlass: boolean
  },
): string | null {
  if (tool.state !== 'approved') return `the tool is ${tool.state}`
  // Of several methods one that is within reach will do.
  const reasons = tool.ids.map((id) => whyIdIsShut(`${about.server.id}/${id}`, tool, about))
  return reasons.includes(null) ? null : (reasons[0] ?? null)
}

function whyIdIsShut(
  target: string,
  tool: { class: ToolClass },
  about: Parameters<typeof whyToolIsShut>[1],
): string | null {
  const stop = about.stops.find(({ scope, targetId }) => scope === 'tool' && targetId === target)
  if (stop) return stopText(stop)
  if (!about.facts.guardrails.known) return 'it is not known what the central policies keep out of reach'
  const { id, environment, sensitivity, demo } = about.server
  const rule = about.facts.guardrails.whyNot({
    ...about.group,
    class: tool.class,
    environment,
    sensitivity,
    demo: String(demo),
    breakGlass: String(about.breakGlass),
    server: id,
    tool: target,
  })
  return rule ? `the guardrail ${rule} forbids it` : null
}
