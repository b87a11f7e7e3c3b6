import { parseArgs } from 'node:util'
import { createCedarPolicySet } from '#lib/guardrails/cedar/policy-set.ts'
import { policySchema } from '#lib/guardrails/queries.ts'
import type { AgentFacts, ServerFacts, ToolFacts } from '#lib/guardrails/rules/facts.ts'
import type { PolicyQuestion } from '#lib/guardrails/rules/policy-set.ts'
import { environments, sensitivities, tiers, toolClasses } from '#lib/registry/schema.ts'
import { print } from './print.ts'

const { values } = parseArgs({
  options: {
    rules: { type: 'string', default: '1000' },
    questions: { type: 'string', default: '4000' },
    rounds: { type: 'string', default: '5' },
  },
})

const teams = 60
const servers = 80
const targetMs = 1

const rules = Number(values.rules)
const rounds = Number(values.rounds)
const source = { schema: policySchema, policies: Array.from({ length: rules }, (_, at) => policy(at)) }
const asked = questionsOf(Number(values.questions))
const pairs = new Set(asked.map(({ agent, tool }) => `${agent.id} ${tool.serverId}/${tool.name}`)).size

const outcomes = new Map<string, number>()
const uncached: number[][] = []
const cached: number[][] = []
for (let round = 0; round < rounds; round += 1) {
  const loadedAt = performance.now()
  const set = createCedarPolicySet(source)
  if (round === 0)
    print(`${rules} rules type-checked and made ready in ${(performance.now() - loadedAt).toFixed(0)} ms`)
  // What is compiled with the first few decisions is not what is measured.
  for (const question of questionsOf(300)) set.judge(question)
  uncached.push(timed((question) => count(set.judge(question))))
  cached.push(timed((question) => void set.judge(question)))
}
const said = [...outcomes].map(([outcome, n]) => `${n / rounds} ${outcome}`).join(', ')
print(`${asked.length} questions about ${pairs} pairs of agent and tool: ${said}`)
print(`uncached  ${quantiles(medianOf(uncached))}`)
print(`          ${quantiles(uncached.flat())} with what else ran on the machine`)
print(`cached    ${quantiles(medianOf(cached))}`)
const p99 = quantile(medianOf(uncached), 0.99)
print(`The p99 of uncached decisions is ${p99 <= targetMs ? 'within' : 'above'} ${targetMs} ms.`)
if (p99 > targetMs) process.exitCode = 1

function count(rule: string | null): void {
  const outcome = rule?.replace(/_\d+$/, '') ?? 'permitted'
  outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1)
}

/** As an organization would have them: by team, server, class, tier, environment and hour; a few without a scope. */
function policy(at: number): string {
  const team = `Wheelhouse::Team::"team-${at % teams}"`
  const server = `Wheelhouse::Server::"server-${at % servers}"`
  const both = 'action in [Wheelhouse::Action::"list", Wheelhouse::Action::"call"]'
  const permit = at % 5 === 0
  const kinds = [
    `(principal in ${team}, ${both}, resource in ${server}) when { principal in resource.openTo }`,
    `(principal, ${both}, resource in ${server}) when { resource.class == "destructive" && principal.tier == "low" }`,
    `(principal in ${team}, ${both}, resource) when { resource.class != "read" && resource.server.environment == "production" && (context.hour < 7 || context.weekday > 5) }`,
    `(principal in ${team}, ${both}, resource in ${server}) when { resource.class == "write" } unless { context.breakGlass }`,
    `(principal is Wheelhouse::Agent, ${both}, resource is Wheelhouse::Tool) when { principal.tier == "${tiers[at % 3]}" && resource.class == "destructive" && resource.server.sensitivity == "restricted" && context.hour == ${at % 24} }`,
  ]
  const body =
    at === 0 ? `(principal, ${both}, resource) when { principal in resource.openTo }` : kinds[at % kinds.length]
  const id = permit ? `permit_${at}` : `policy_${at}`
  return `@id("${id}") @title("Rule ${at}") @explanation("What rule ${at} says.") @remedy("Ask.") ${permit ? 'permit' : 'forbid'} ${body};`
}

/** Each about another agent or another tool, at hours of a working day. */
function questionsOf(count: number): PolicyQuestion[] {
  return Array.from({ length: count }, (_, at) => {
    const mixed = (at * 2_654_435_761) >>> 0
    const of = <T>(values: readonly T[], shift: number): T => values[(mixed >>> shift) % values.length]!
    const server: ServerFacts = { id: `server-${(mixed >>> 3) % servers}`, name: '', environment: of(environments, 5), sensitivity: of(sensitivities, 7), enabled: true, demo: false, tools: new Map() } // prettier-ignore
    const tool: ToolFacts = {
      serverId: server.id,
      name: `tool-${at % 7}`,
      class: of(toolClasses, 9),
      state: 'approved',
    }
    const agent: AgentFacts = { id: `agent-${at % 1000}`, name: '', teamId: `team-${(at % 1000) % teams}`, templateId: `template-${at % 12}`, tier: of(tiers, 11), status: 'active', statusReason: null, currentVersion: 1, grants: [] } // prettier-ignore
    const grants = [{ id: 'g', serverId: server.id, class: 'destructive', toolName: null, via: 'request', expiresAt: null } as const] // prettier-ignore
    const session = { agentVersion: 1, startedBy: 'schedule' } as const
    return { agent, server, tool, grants, simulated: false, breakGlass: false, session, clock: { hour: 9 + (at % 8), weekday: 1 + (at % 5) } } // prettier-ignore
  })
}

function timed(decide: (question: PolicyQuestion) => void): number[] {
  return asked.map((question) => {
    const startedAt = performance.now()
    decide(question)
    return performance.now() - startedAt
  })
}

/** Of each question the median of its rounds, so that one interruption does not count. In every round nothing is remembered. */
function medianOf(times: readonly number[][]): number[] {
  return asked.map((_, at) =>
    quantile(
      times.map((round) => round[at]!),
      0.5,
    ),
  )
}

function quantiles(times: readonly number[]): string {
  const ms = (share: number) => `${quantile(times, share).toFixed(4)} ms`
  return `p50 ${ms(0.5)}  p95 ${ms(0.95)}  p99 ${ms(0.99)}  max ${ms(1)}`
}

function quantile(times: readonly number[], share: number): number {
  const sorted = times.toSorted((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))]!
}
