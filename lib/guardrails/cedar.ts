import cedar, { type AuthorizationAnswer, type EntityJson } from '@cedar-policy/cedar-wasm/nodejs'
import { digestOf } from '#lib/core/canonical-json.ts'
import { toolClasses } from '#lib/registry/schema.ts'
import { covers } from '#lib/registry/rules.ts'
import { namesCovering } from './rules/coverage.ts'
import type { AgentFacts, GrantFacts, ToolFacts } from './rules/facts.ts'
import type { PolicyQuestion, PolicySet } from './rules/policy-set.ts'
import { isRuleId } from './rules/explain.ts'
import type { RuleId } from './schema.ts'

export type PolicySource = { schema: string; policies: readonly string[] }

/**
 * Parses and type-checks the policies once and judges with them: default deny, `forbid` beats `permit`, and a policy that fails while it
 * is evaluated denies. Answers are remembered with the facts they follow from, so a change of the facts forgets them.
 */
export function createCedarPolicySet(source: PolicySource): PolicySet {
  const { policies, problems } = parsePolicies(source)
  if (problems.length > 0) throw new Error(`The central policies are not valid:\n${problems.join('\n')}`)
  const name = digestOf(source).slice(0, 16)
  expectParsed(cedar.preparseSchema(name, source.schema))
  expectParsed(cedar.preparsePolicySet(name, { staticPolicies: policies }))
  const remembered = new WeakMap<AgentFacts, WeakMap<ToolFacts, Map<string, RuleId | null>>>()
  return {
    version: name,
    judge(question) {
      let ofAgent = remembered.get(question.agent)
      if (!ofAgent) remembered.set(question.agent, (ofAgent = new WeakMap()))
      let ofTool = ofAgent.get(question.tool)
      if (!ofTool) ofAgent.set(question.tool, (ofTool = new Map()))
      const situation = `${question.simulated}|${question.breakGlass}|${question.server.environment}|${question.server.sensitivity}|${question.server.demo}`
      let rule = ofTool.get(situation)
      if (rule === undefined) ofTool.set(situation, (rule = ask(name, question)))
      return rule
    },
  }
}

/** The policies by their `@id`, and everything that is wrong with them in words. */
export function parsePolicies(source: PolicySource): { policies: Record<string, string>; problems: string[] } {
  const policies: Record<string, string> = {}
  const problems: string[] = []
  for (const text of source.policies) {
    const parts = cedar.policySetTextToParts(text)
    if (parts.type === 'failure') {
      problems.push(...parts.errors.map((error) => error.message))
      continue
    }
    for (const policy of parts.policies) {
      const id = /@id\("([^"]+)"\)/.exec(policy)?.[1]
      if (!id) problems.push('A policy has no @id.')
      else if (policies[id]) problems.push(`Two policies have the id ${id}.`)
      else policies[id] = policy
    }
  }
  const checked = cedar.validate({ schema: source.schema, policies: { staticPolicies: policies } })
  if (checked.type === 'failure') problems.push(...checked.errors.map((error) => error.message))
  else problems.push(...checked.validationErrors.map(({ policyId, error }) => `${policyId}: ${error.message}`))
  return { policies, problems }
}

function ask(name: string, question: PolicyQuestion): RuleId | null {
  const entities = entitiesOf(question)
  for (const action of ['list', 'call']) {
    const rule = ruleOf(
      cedar.statefulIsAuthorized({
        principal: uid('Agent', question.agent.id),
        action: { type: 'Wheelhouse::Action', id: action },
        resource: uid('Tool', toolId(question.tool)),
        context: { simulated: question.simulated, breakGlass: question.breakGlass },
        preparsedPolicySetId: name,
        preparsedSchemaName: name,
        validateRequest: true,
        entities,
      }),
    )
    if (rule) return rule
  }
  return null
}

function ruleOf(answer: AuthorizationAnswer): RuleId | null {
  if (answer.type === 'failure') return 'policy_error'
  const { decision, diagnostics } = answer.response
  // A forbid that failed is no permission: Cedar would skip it, we refuse.
  if (diagnostics.errors.length > 0) return 'policy_error'
  if (decision === 'allow') return null
  const forbid = diagnostics.reason.toSorted()[0]
  if (forbid === undefined) return 'policy_default_deny'
  return isRuleId(forbid) ? forbid : 'policy_error'
}

function entitiesOf({ agent, server, tool, grants }: PolicyQuestion): EntityJson[] {
  const held = grants.map((grant) => uid('Access', accessId(grant)))
  return [
    { uid: uid('Agent', agent.id), attrs: { tier: agent.tier }, parents: [uid('Team', agent.teamId), ...held] },
    { uid: uid('Team', agent.teamId), attrs: {}, parents: [] },
    {
      uid: uid('Server', server.id),
      attrs: { environment: server.environment, sensitivity: server.sensitivity, demo: server.demo },
      parents: [],
    },
    {
      uid: uid('Tool', toolId(tool)),
      attrs: {
        server: { __entity: uid('Server', server.id) },
        class: tool.class,
        openTo: accessesOf(tool).map((id) => ({ __entity: uid('Access', id) })),
      },
      parents: [uid('Server', server.id)],
    },
  ]
}

/** Everything that can be granted and covers the tool. */
function accessesOf(tool: ToolFacts): string[] {
  return toolClasses.flatMap((granted) =>
    covers(granted, tool.class)
      ? namesCovering(tool).map((toolName) => accessId({ serverId: tool.serverId, class: granted, toolName }))
      : [],
  )
}

function accessId(grant: Pick<GrantFacts, 'serverId' | 'class' | 'toolName'>): string {
  return grant.toolName === null
    ? `${grant.serverId}:${grant.class}`
    : `${grant.serverId}:${grant.class}:${grant.toolName}`
}

function toolId(tool: ToolFacts): string {
  return `${tool.serverId}/${tool.name}`
}

function uid(type: string, id: string): { type: string; id: string } {
  return { type: `Wheelhouse::${type}`, id }
}

function expectParsed(answer: { type: 'success' } | { type: 'failure'; errors: { message: string }[] }): void {
  if (answer.type === 'failure') throw new Error(answer.errors.map((error) => error.message).join('\n'))
}
