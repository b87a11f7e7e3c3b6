import cedar, { type PolicyJson } from '@cedar-policy/cedar-wasm/nodejs'
import { setImmediate as pause } from 'node:timers/promises'
import { digestOf } from '#lib/core/canonical-json.ts'
import {
  type AccessDimension,
  accessDimensions,
  type AccessTable,
  type PolicyReach,
} from '#lib/registry/schema/access-table.ts'
import { environments, sensitivities, tiers, toolClasses } from '#lib/registry/schema.ts'
import type { PolicyQuestion, SessionFacts } from '../rules/policy-set.ts'
import type { ParsedPolicy } from './check.ts'
import { dependenceOf } from './dependence.ts'
import { withCedar } from './engine.ts'
import { cedarRequest } from './request.ts'

type Values = Partial<Record<AccessDimension, string>>
type Situation = Pick<PolicyQuestion, 'session' | 'clock'>
type Verdict = { list: boolean; call: boolean; fails: boolean }

const actions = ['list', 'call'] as const

const attributes: Partial<Record<AccessDimension, readonly string[]>> = {
  tier: tiers,
  class: toolClasses,
  environment: environments,
  sensitivity: sensitivities,
  demo: ['false', 'true'],
  breakGlass: ['false', 'true'],
}
const entityTypes: Partial<Record<AccessDimension, string>> = {
  team: 'Team',
  template: 'Template',
  agent: 'Agent',
  server: 'Server',
  tool: 'Tool',
}
/** An id that nothing has: all that a policy does not name. */
const other = '\u0000'
/** Longer in one go would hold up everything else in this process. */
const inOneGoMs = 20
/** A policy with more combinations of facts than that is not asked about: it counts as one whose facts cannot be told. */
const questionsMax = 20_000
const permitAll = 'permit (principal, action, resource);'

/**
 * Where each policy of a set applies, asked of Cedar for every combination of the facts the policy looks at. What is true of one call only counts as it is mostly: no simulated
 * model; of times and runs, a policy that forbids keeps a tool out of reach when it forbids at every time and in every run. A policy that looks at which grants are held, or at
 * too many facts at once, is left out where it forbids, and counts where it permits: the table then shows more as reachable than there is, never less.
 */
export async function accessTableOf(policies: readonly ParsedPolicy[], schema: string): Promise<AccessTable> {
  const table: AccessTable = { forbids: [], permits: { list: [], call: [] } }
  const schemaName = `access ${digestOf({ schema }).slice(0, 16)}`
  expectParsed(withCedar(() => cedar.preparseSchema(schemaName, schema)))
  let since = performance.now()
  for (const policy of policies) {
    const { words, json } = policy
    const forbids = json.effect === 'forbid'
    const looksAt = lookedAt(json)
    const all = situations(json)
    const questions = looksAt.reduce((product, { values }) => product * values.length, all.length)
    if (dependenceOf([json]).access || questions > questionsMax) {
      const anywhere = { id: words.id, looksAt: [], applies: [''] }
      if (!forbids) for (const action of actions) table.permits[action].push(anywhere)
      continue
    }
    const name = `access ${digestOf({ schema, text: policy.text }).slice(0, 16)}`
    const texts: Record<string, string> = forbids
      ? { permit_all: permitAll, policy: policy.text }
      : { policy: policy.text }
    expectParsed(withCedar(() => cedar.preparsePolicySet(name, { staticPolicies: texts })))
    const reach = { list: reachOf(words.id, looksAt), call: reachOf(words.id, looksAt) }
    const failing = reachOf('policy_error', looksAt)
    for (const cell of cells(looksAt)) {
      if (performance.now() - since > inOneGoMs) {
        await pause()
        since = performance.now()
      }
      const values = Object.fromEntries(
        looksAt.map(({ dimension, values: known }, at) => [dimension, known[cell[at]!]]),
      ) as Values
      if (isContradiction(looksAt, values)) continue
      const verdict = judged({ name, schemaName, forbids }, all, values)
      const key = cell.join()
      if (verdict.fails) failing.applies.push(key)
      else for (const action of actions) if (verdict[action]) reach[action].applies.push(key)
    }
    if (failing.applies.length > 0) table.forbids.push(failing)
    for (const action of actions) {
      // What cannot be seen cannot be called, and the other way round.
      if (forbids) table.forbids.push(reach[action])
      else table.permits[action].push(reach[action])
    }
  }
  return table
}

function reachOf(id: string, looksAt: PolicyReach['looksAt']): PolicyReach {
  return { id, looksAt, applies: [] }
}

/** The facts a policy depends on, and the values it tells apart. */
function lookedAt(policy: PolicyJson): PolicyReach['looksAt'] {
  const found = new Map<AccessDimension, Set<string>>()
  collect(policy, found)
  return accessDimensions.flatMap((dimension) => {
    const values = found.get(dimension)
    return values ? [{ dimension, values: [...values] }] : []
  })
}

function collect(part: unknown, found: Map<AccessDimension, Set<string>>): void {
  if (Array.isArray(part)) for (const each of part) collect(each, found)
  if (typeof part !== 'object' || part === null || Array.isArray(part)) return
  const { type, id, attr } = part as { type?: unknown; id?: unknown; attr?: unknown }
  for (const name of Array.isArray(attr) ? attr : [attr]) {
    const dimension = accessDimensions.find((each) => each === name && attributes[each])
    if (dimension) found.set(dimension, new Set(attributes[dimension]))
  }
  if (typeof type === 'string' && typeof id === 'string') {
    const dimension = accessDimensions.find((each) => `Wheelhouse::${entityTypes[each]}` === type)
    if (dimension) found.set(dimension, (found.get(dimension) ?? new Set([''])).add(id))
  }
  for (const each of Object.values(part)) collect(each, found)
}

/** Every combination of positions. */
function* cells(looksAt: PolicyReach['looksAt'], before: number[] = []): Generator<number[]> {
  const next = looksAt[before.length]
  if (!next) return yield before
  for (let at = 0; at < next.values.length; at += 1) yield* cells(looksAt, [...before, at])
}

/** A tool that is named is at its own server. */
function isContradiction(looksAt: PolicyReach['looksAt'], { tool, server }: Values): boolean {
  if (!tool || server === undefined) return false
  const own = serverOf(tool)
  const named = looksAt.find(({ dimension }) => dimension === 'server')!.values.includes(own)
  return server !== (named ? own : '')
}

/** Over all situations a call can be in: a policy that forbids applies when it does in each, one that permits when it does in one. */
function judged(
  { name, schemaName, forbids }: { name: string; schemaName: string; forbids: boolean },
  all: readonly Situation[],
  values: Values,
): Verdict {
  const verdict = { list: forbids, call: forbids, fails: true }
  for (const situation of all) {
    const request = cedarRequest(questionOf(values, situation))
    for (const action of actions) {
      const answer = withCedar(() =>
        cedar.statefulIsAuthorized({
          ...request,
          action: { type: 'Wheelhouse::Action', id: action },
          preparsedPolicySetId: name,
          preparsedSchemaName: schemaName,
          validateRequest: true,
        }),
      )
      const failed = answer.type === 'failure' || answer.response.diagnostics.errors.length > 0
      const allowed = !failed && answer.response.decision === 'allow'
      if (!failed) verdict.fails = false
      // A failure refuses, whatever the policy would do.
      if (forbids && allowed) verdict[action] = false
      if (!forbids && allowed) verdict[action] = true
    }
    const isDone = forbids ? !verdict.list && !verdict.call : verdict.list && verdict.call
    if (isDone) return { ...verdict, fails: false }
  }
  return verdict
}

/** The times and runs that make a difference to a policy. */
function situations(policy: PolicyJson): Situation[] {
  const { hour, weekday, session } = dependenceOf([policy])
  const runs: (SessionFacts | null)[] = [null]
  if (session) {
    for (const startedBy of ['manual', 'schedule', 'api', 'first_run'] as const)
      for (const agentVersion of versionsNear(policy)) runs.push({ agentVersion, startedBy })
  }
  const hours = hour ? Array.from({ length: 24 }, (_, at) => at) : [12]
  const weekdays = weekday ? [1, 2, 3, 4, 5, 6, 7] : [3]
  return runs.flatMap((run) =>
    hours.flatMap((h) => weekdays.map((d) => ({ session: run, clock: { hour: h, weekday: d } }))),
  )
}

/** Versions of an agent that a comparison with the numbers in a policy can tell apart. */
function versionsNear(policy: PolicyJson): number[] {
  const numbers = [...JSON.stringify(policy).matchAll(/"Value":(\d{1,9})\b/g)].map(([, digits]) => Number(digits))
  return [...new Set([1, ...numbers.flatMap((near) => [near - 1, near, near + 1])])].filter((version) => version > 0)
}

function questionOf(values: Values, { session, clock }: Situation): PolicyQuestion {
  const { tool: toolId, agent, team, template, server: serverId } = values
  const at = toolId ? serverOf(toolId) : serverId || other
  const breakGlass = values.breakGlass === 'true'
  const toolClass = (values.class ?? 'read') as PolicyQuestion['tool']['class']
  const grant = {
    id: '',
    serverId: at,
    class: toolClass,
    toolName: null,
    via: breakGlass ? 'break_glass' : 'request',
    expiresAt: null,
  }
  return {
    agent: {
      id: agent || other,
      teamId: team || other,
      templateId: template || other,
      tier: (values.tier ?? 'medium') as PolicyQuestion['agent']['tier'],
    },
    server: {
      id: at,
      environment: (values.environment ?? 'staging') as PolicyQuestion['server']['environment'],
      sensitivity: (values.sensitivity ?? 'internal') as PolicyQuestion['server']['sensitivity'],
      demo: values.demo === 'true',
    },
    tool: { serverId: at, name: toolId ? toolId.slice(at.length + 1) : other, class: toolClass },
    grants: [grant],
    simulated: false,
    breakGlass,
    session,
    clock,
  }
}

/** Of `server/tool`: a server's id has no slash. */
function serverOf(tool: string): string {
  return tool.slice(0, Math.max(tool.indexOf('/'), 0))
}

function expectParsed(answer: { type: 'success' } | { type: 'failure'; errors: { message: string }[] }): void {
  if (answer.type === 'failure') throw new Error(answer.errors.map((error) => error.message).join('\n'))
}
