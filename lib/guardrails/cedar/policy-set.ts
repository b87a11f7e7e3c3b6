import cedar, { type AuthorizationAnswer } from '@cedar-policy/cedar-wasm/nodejs'
import { digestOf } from '#lib/core/canonical-json.ts'
import type { PolicyQuestion, PolicySet } from '../rules/policy-set.ts'
import { centralRule } from '../rules/central.ts'
import type { RuleId } from '../schema.ts'
import { type CheckedPolicies, checkPolicies } from './check.ts'
import { checkedPolicies } from './checked.ts'
import { type Dependence, dependenceOf } from './dependence.ts'
import { cedarProblem, withCedar } from './engine.ts'
import { finished, unhurried } from '#lib/core/gently.ts'
import { type ParsedPolicies, parseSteps } from './parsed.ts'
import { accessHeld, cedarRequest } from './request.ts'
import { joinPolicies } from './split.ts'

export type PolicySource = { schema: string; policies: readonly string[] }

/** Of the text of policies and the schema they were checked against. */
export function versionOf({ schema, policies }: PolicySource): string {
  return digestOf({ schema, policies }).slice(0, 16)
}

/** The text is at fault, so it is the next time, too. */
export class InvalidPolicies extends Error {
  override readonly name = 'InvalidPolicies'
}

/** A situation is new at most so often, else what is remembered of a pair of agent and tool is forgotten. */
const situationsMax = 200

/**
 * Parses and type-checks the policies once and judges with them: default deny, `forbid` beats `permit`, and a policy that fails while it
 * is evaluated denies; so does everything once Cedar is broken. Answers are remembered with the facts they follow from, so a change of the facts forgets them. Throws
 * when a policy is not valid.
 */
export function createCedarPolicySet(source: PolicySource, version = versionOf(source)): PolicySet {
  const checked = checkPolicies(joinPolicies(source.policies), source.schema)
  return finished(readySteps(source, version, checked))
}

/** The same without holding up what else this process does: checked in a thread when it is large, and made ready a few policies at a time. */
export async function createCedarPolicySetGently(
  source: PolicySource,
  version = versionOf(source),
): Promise<PolicySet> {
  const checked = await checkedPolicies(joinPolicies(source.policies), source.schema)
  return await unhurried(readySteps(source, version, checked))
}

function* readySteps(
  source: PolicySource,
  version: string,
  { policies, problems }: CheckedPolicies,
): Generator<void, PolicySet> {
  if (problems.length > 0) {
    const said = problems.map(
      ({ policyId, line, message }) => `line ${line}${policyId ? ` (${policyId})` : ''}: ${message}`,
    )
    throw new InvalidPolicies(`The central policies are not valid:\n${said.join('\n')}`)
  }
  const parsed = yield* parseSteps(versionOf(source), { policies, schema: source.schema })
  yield
  const dependence = dependenceOf(policies.map(({ json }) => json))
  const words = new Map(policies.map((policy) => [policy.words.id, policy.words]))
  const remembered = new WeakMap<PolicyQuestion['agent'], WeakMap<PolicyQuestion['tool'], Map<string, RuleId | null>>>()
  return {
    version,
    timed: dependence.hour || dependence.weekday,
    get problem() {
      return cedarProblem()
    },
    judge(question) {
      if (cedarProblem() !== null) return 'policy_error'
      let ofAgent = remembered.get(question.agent)
      if (!ofAgent) remembered.set(question.agent, (ofAgent = new WeakMap()))
      let ofTool = ofAgent.get(question.tool)
      if (!ofTool) ofAgent.set(question.tool, (ofTool = new Map()))
      const situation = situationOf(question, dependence)
      let rule = ofTool.get(situation)
      if (rule === undefined) {
        try {
          rule = ask(parsed, question, dependence)
        } catch {
          // What could not be asked is not permitted. It is not remembered: the next time it may be.
          return 'policy_error'
        }
        if (ofTool.size >= situationsMax) ofTool.clear()
        ofTool.set(situation, rule)
      }
      return rule
    },
    wordsOf(id) {
      const found = words.get(id)
      return found ? centralRule(found) : null
    },
  }
}

/** What a decision follows from beside the agent and the tool, as far as the policies look at it. */
function situationOf(question: PolicyQuestion, dependence: Dependence): string {
  const { session, simulated, breakGlass, server, clock, grants } = question
  let situation = `${simulated}|${breakGlass}|${server.environment}|${server.sensitivity}|${server.demo}`
  if (dependence.hour) situation += `|${clock.hour}`
  if (dependence.weekday) situation += `|d${clock.weekday}`
  if (dependence.session && session) situation += `|${session.agentVersion}|${session.startedBy}`
  if (dependence.access) situation += `|${accessHeld(grants).toSorted().join()}`
  return situation
}

function ask(parsed: ParsedPolicies, question: PolicyQuestion, { action }: Dependence): RuleId | null {
  const request = cedarRequest(question)
  const names = parsed.namesFor(request)
  for (const id of action ? ['list', 'call'] : ['call']) {
    const answers = names.map((name) =>
      withCedar(() =>
        cedar.statefulIsAuthorized({
          ...request,
          action: { type: 'Wheelhouse::Action', id },
          preparsedPolicySetId: name,
          preparsedSchemaName: parsed.schemaName,
          validateRequest: true,
        }),
      ),
    )
    const rule = ruleOf(answers)
    if (rule) return rule
  }
  return null
}

/** Parts of a set that were asked one by one: what one of them forbids is forbidden, and one that permits is enough where none does. */
function ruleOf(answers: readonly AuthorizationAnswer[]): RuleId | null {
  const forbids: string[] = []
  let permitted = false
  for (const answer of answers) {
    if (answer.type === 'failure') return 'policy_error'
    const { decision, diagnostics } = answer.response
    // A forbid that failed is no permission: Cedar would skip it, we refuse.
    if (diagnostics.errors.length > 0) return 'policy_error'
    if (decision === 'allow') permitted = true
    else forbids.push(...diagnostics.reason)
  }
  const forbid = forbids.toSorted()[0]
  if (forbid !== undefined) return forbid.startsWith('policy_') ? (forbid as RuleId) : 'policy_error'
  return permitted ? null : 'policy_default_deny'
}
