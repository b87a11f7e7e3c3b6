import { type Ctx, reader } from '#lib/auth/ctx.ts'
import { plural } from '#lib/core/count.ts'
import { DomainError } from '#lib/core/errors.ts'
import { covers, mayActForTeam } from '#lib/registry/rules.ts'
import type { Environment, Tier, ToolClass } from '#lib/registry/schema.ts'
import { conditionProblem } from '#lib/registry/rules/conditions.ts'
import { capabilityOf, isBesidesTools } from '#lib/registry/schema/capabilities.ts'
import { limitKey } from '#lib/registry/schema/conditions.ts'
import { readApprovalRules, wasTakenAway } from '#lib/scopes/queries.ts'
import { besidesToolsProblem, besidesToolsLimit, wholeServerCovers } from '#lib/scopes/rules/besides-tools.ts'
import type { ScopeLimits } from '#lib/scopes/rules/limits.ts'
import { classNeeded, partsOf } from '#lib/scopes/rules/named-tools.ts'
import { cappedEnd, preApprovalOf } from '#lib/scopes/rules/pre-approval.ts'
import { requestPolicy } from '#lib/scopes/rules/request-policy.ts'
import { getTemplate } from '#lib/templates/queries.ts'
import { checkParameters, renderAgentVersion } from '#lib/templates/rules.ts'
import type { RenderedAgent, TemplateManifest, TemplateView } from '#lib/templates/schema.ts'
import { scheduleProblem } from './rules.ts'
import type { ClassedWish, CreateAgentInput, Problem, ScopeWish } from './schema.ts'

/** A wished scope, judged: granted at once because the template's policy pre-approves it, or to be asked for. */
export type PlannedScope = ClassedWish & {
  serverName: string
  environment: Environment
  tools: string[]
  preApproved: boolean
  because: string
}

export type AgentPlan = {
  problems: Problem[]
  template: TemplateView | null
  rendered: RenderedAgent | null
  digest: string | null
  scopes: PlannedScope[]
}

/** Everything that creating this agent would do, and all that stands in its way, at once. Writes nothing. */
export async function planAgent(ctx: Ctx, input: CreateAgentInput): Promise<AgentPlan> {
  const problems: Problem[] = []
  problems.push(...(await identityProblems(ctx, input)))
  if (input.schedule !== null) {
    const message = scheduleProblem(input.schedule, ctx.now)
    if (message) problems.push({ field: 'schedule', message })
  }
  const template = await findTemplate(ctx, input, problems)
  if (!template) return { problems, template: null, rendered: null, digest: null, scopes: [] }

  const planned = await planScopes(ctx, { manifest: template.manifest, wishes: input.scopes, tier: input.tier })
  problems.push(...planned.problems)
  const parameterProblems = checkParameters(template.manifest, input.layer.parameters)
  problems.push(...parameterProblems.map(({ field, message }) => ({ field: `layer.${field}`, message })))
  if (parameterProblems.length > 0) {
    return { problems, template, rendered: null, digest: null, scopes: planned.scopes }
  }
  const servers = planned.scopes.map(({ serverId }) => serverId)
  return {
    problems,
    template,
    ...renderAgentVersion({ template, layer: input.layer, servers }),
    scopes: planned.scopes,
  }
}

/**
 * Judges wishes against the scoping policy, the approval policy and the registry: a template pre-approves nothing for which a rule asks a person. What the template requires is added when it is missing. Of an agent that is there already, what was taken away from it
 * is pre-approved no more.
 */
export async function planScopes(
  ctx: Ctx,
  {
    manifest,
    wishes,
    tier,
    agentId,
  }: { manifest: TemplateManifest; wishes: readonly ScopeWish[]; tier: Tier; agentId?: string },
): Promise<{ scopes: PlannedScope[]; problems: Problem[] }> {
  const required = manifest.scopes.filter(
    (scope) =>
      scope.required &&
      !wishes.some(
        (wish) =>
          wish.serverId === scope.server &&
          wish.toolNames.length === 0 &&
          wish.class !== undefined &&
          covers(wish.class, scope.class),
      ),
  )
  const all: ScopeWish[] = [
    ...wishes,
    ...required.map(({ server, class: toolClass, reason }) => ({
      serverId: server,
      class: toolClass,
      toolNames: [],
      days: null,
      reason,
    })),
  ]
  const servers = await reader(ctx).mcpServer.findMany({
    where: { id: { in: all.map(({ serverId }) => serverId) } },
    select: {
      id: true,
      name: true,
      environment: true,
      sensitivity: true,
      dataClasses: true,
      status: true,
      tools: { select: { name: true, class: true, state: true }, orderBy: { name: 'asc' } },
    },
  })
  const rules = await readApprovalRules(reader(ctx))
  const byId = new Map(servers.map((server) => [server.id, server]))
  const problems: Problem[] = []
  const scopes: PlannedScope[] = []
  const seen = new Set<string>()
  for (const [index, asked] of all.entries()) {
    const field = index < wishes.length ? `scopes.${index}` : 'scopes'
    const server = byId.get(asked.serverId)
    const wish = {
      ...asked,
      class: classNeeded({ ...asked, class: asked.class ?? 'destructive' }, server?.tools ?? []),
    }
    const policy = policyFor(manifest, wish)
    const message = wishProblem({
      wish,
      asked: asked.class,
      server,
      seen,
      hasReason: wish.reason !== '' || policy !== undefined,
    })
    if (message) problems.push({ field, message })
    if (!server) continue
    const takenAway = agentId !== undefined && (await wasTakenAway(ctx, { ...wish, agentId }))
    const offered = policy?.approval === 'auto' && partsOf(wish.toolNames).every(wholeServerCovers) && !takenAway
    const left = preApprovalOf(rules, { ...server, ...wish, tier, requesterId: ctx.actor.id })
    const preApproved = offered && left.asks === null
    const facts = { ...server, ...wish, tier, requesterId: ctx.actor.id }
    const { apart } = preApproved ? {} : requestPolicy(rules, facts).rule
    if (apart !== undefined && !message) problems.push({ field, message: apart })
    const { daysMax, rule } = left.asks === null ? left : { daysMax: null, rule: null }
    const atMost = daysMax === null ? '' : `, for ${plural(daysMax, 'day')} at most by “${rule}”`
    scopes.push({
      ...(preApproved ? cappedEnd(wish, { daysMax, now: ctx.now }) : wish),
      reason: wish.reason || (policy?.reason ?? ''),
      serverName: server.name,
      environment: server.environment,
      tools: [
        ...server.tools.filter((tool) => reaches(wish, tool)).map(({ name }) => name),
        ...wish.toolNames.filter((name) => capabilityOf(name)),
      ],
      preApproved,
      because: preApproved
        ? `The template pre-approves ${policy.class} on ${server.name}${atMost}.`
        : offered && left.asks !== null
          ? `The template pre-approves it, but the approval policy asks a person: “${left.asks}”.`
          : whyAsked({ policy, toolNames: wish.toolNames, takenAway }),
    })
  }
  return { scopes, problems }
}

function whyAsked(facts: { policy: unknown; toolNames: readonly string[]; takenAway: boolean }): string {
  if (facts.takenAway) return 'It was taken away before, so a person decides, whatever the template pre-approves.'
  if (!facts.policy) return 'It is beyond the scoping policy of the template, so a person decides.'
  if (partsOf(facts.toolNames).every(wholeServerCovers)) return 'The template asks for it, and a person decides.'
  return 'What a server may ask an agent for is decided by a person, whatever the template pre-approves.'
}

type KnownServer = {
  name: string
  status: 'active' | 'disabled'
  tools: { name: string; class: ToolClass; state: string }[]
}

function wishProblem(facts: {
  wish: ClassedWish
  asked: ToolClass | undefined
  server: KnownServer | undefined
  seen: Set<string>
  hasReason: boolean
}): string | null {
  const { wish, server, seen } = facts
  if (!server) return `There is no MCP server ${JSON.stringify(wish.serverId)} in the registry.`
  if (server.status === 'disabled') return `${server.name} is disabled: nothing is granted on it.`
  const limits = { conditions: wish.conditions ?? [], rate: wish.rate ?? null }
  for (const toolName of partsOf(wish.toolNames)) {
    // A tool has one class, whatever class it is asked for with.
    const key = `${wish.serverId} ${toolName ?? wish.class} ${limitKey(limits)}`
    if (seen.has(key)) return `${toolName ?? wish.class} on ${server.name} is listed twice.`
    seen.add(key)
    const problem = toolName === null ? null : nameProblem(toolName, { asked: facts.asked, server, limits })
    if (problem) return problem
  }
  const problem = limits.conditions.map(conditionProblem).find((found) => found !== null)
  if (problem) return problem
  return facts.hasReason ? null : `Say in a sentence what it needs ${wish.class} on ${server.name} for.`
}

function nameProblem(
  toolName: string,
  { asked, server, limits }: { asked: ToolClass | undefined; server: KnownServer; limits: ScopeLimits },
): string | null {
  if (isBesidesTools(toolName)) {
    return besidesToolsProblem(toolName) ?? besidesToolsLimit(toolName, limits)?.message ?? null
  }
  const tool = server.tools.find(({ name, state }) => name === toolName && state !== 'removed')
  if (!tool) return `${server.name} has no tool ${JSON.stringify(toolName)}.`
  return asked === undefined || covers(asked, tool.class)
    ? null
    : `${tool.name} is a ${tool.class} tool: ask for ${tool.class}.`
}

function policyFor(manifest: TemplateManifest, wish: ClassedWish) {
  const covering = manifest.scopes.filter((scope) => scope.server === wish.serverId && covers(scope.class, wish.class))
  return covering.find(({ approval }) => approval === 'auto') ?? covering[0]
}

function reaches(wish: ClassedWish, tool: { name: string; class: ToolClass; state: string }): boolean {
  const named = wish.toolNames.length === 0 || wish.toolNames.includes(tool.name)
  return tool.state === 'approved' && named && covers(wish.class, tool.class)
}

async function identityProblems(ctx: Ctx, input: CreateAgentInput): Promise<Problem[]> {
  const db = reader(ctx)
  // One after the other: a transaction has one connection.
  const taken = await db.agent.findUnique({ where: { id: input.id }, select: { id: true } })
  const team = await db.team.findUnique({ where: { id: input.ownerTeamId }, select: { id: true, name: true } })
  const person = await db.person.findUnique({
    where: { id: input.accountablePersonId },
    select: { name: true, active: true },
  })
  const problems: Problem[] = []
  if (taken) problems.push(idTaken(input.id))
  if (!team) problems.push({ field: 'ownerTeamId', message: `There is no team ${JSON.stringify(input.ownerTeamId)}.` })
  else if (!mayActForTeam(ctx.actor, team.id)) {
    const message = `Only members of ${team.name} may create its agents.`
    problems.push({ field: 'ownerTeamId', message, rule: 'registry:own_team' })
  }
  if (!person) problems.push({ field: 'accountablePersonId', message: 'There is no such person.' })
  else if (!person.active) {
    problems.push({ field: 'accountablePersonId', message: `${person.name} is deactivated and cannot be accountable.` })
  }
  return problems
}

export function idTaken(id: string): Problem {
  return { field: 'id', message: `There is an agent ${id} already. Choose another id.`, rule: 'registry:id_taken' }
}

async function findTemplate(ctx: Ctx, input: CreateAgentInput, problems: Problem[]): Promise<TemplateView | null> {
  try {
    return await getTemplate(ctx, { id: input.templateId, version: input.templateVersion })
  } catch (error) {
    if (!(error instanceof DomainError) || error.code !== 'not_found') throw error
    const field = error.details['field'] === 'templateVersion' ? 'templateVersion' : 'templateId'
    problems.push({ field, message: error.message })
    return null
  }
}
