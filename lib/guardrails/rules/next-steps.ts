import { paths } from '#lib/core/paths.ts'
import type { ToolClass } from '#lib/registry/schema.ts'
import type { ExplainedFacts, NextStep } from '../schema/explanation.ts'
import { isPersonRule } from './explain.ts'
import { isHoldRule } from './hold-words.ts'

type Named = { id: string; name: string } | null

export type RefusedAbout = {
  agent: Named
  server: Named
  tool?: string | null
  class?: string | null
  runId?: string | null
}

/** The pages where a refusal can be resolved, the nearest first. */
export function nextSteps(rule: string, about: RefusedAbout, { limitOf, heldCall }: ExplainedFacts = {}): NextStep[] {
  const { agent, server, tool, runId } = about
  if (rule === 'killed' || rule.startsWith('stop:')) return [{ link: paths.kill(), label: 'See what is stopped' }]
  if (rule === 'agent_unknown') return [{ link: paths.newAgent(), label: 'Register an agent' }]
  const steps: NextStep[] = isPersonRule(rule) ? placeOf(rule) : []
  if (agent && limitOf === 'agent')
    steps.push({ link: paths.agent(agent.id, 'scopes'), label: `Limits of ${agent.name}` })
  if (server && limitOf === 'server') steps.push({ link: paths.server(server.id), label: `Limits of ${server.name}` })
  if (agent && rule.startsWith('grant_')) steps.push(scopeRequest(agent, about))
  if (agent && rule.startsWith('policy_')) {
    steps.push({ link: paths.agent(agent.id, 'scopes'), label: `Scopes of ${agent.name}` })
  }
  if (agent && rule.startsWith('budget_'))
    steps.push({ link: paths.agent(agent.id, 'cost'), label: `Cost of ${agent.name}` })
  if (agent && rule === 'version_not_bound')
    steps.push({ link: paths.agentCreation(agent.id), label: `Creation of ${agent.name}` })
  if (isOfHold(rule)) steps.push(...holdSteps(heldCall))
  if (server && rule.startsWith('tool_') && tool && rule !== 'tool_unknown')
    steps.push({ link: paths.serverTool(server.id, tool), label: `Review ${tool}` })
  if (server && limitOf === undefined && isOfServer(rule))
    steps.push({ link: paths.server(server.id), label: `Tools of ${server.name}` })
  if (runId) steps.push({ link: paths.run(runId), label: 'The run' })
  if (agent && steps.every(({ link }) => !link.startsWith(paths.agent(agent.id))))
    steps.push({ link: paths.agent(agent.id), label: `Open ${agent.name}` })
  return steps
}

/** Where people decide what the rule refused. */
function placeOf(rule: string): NextStep[] {
  const [family] = rule.split(':')
  switch (family) {
    case 'scopes':
      return [{ link: paths.requests(), label: 'Requests' }]
    case 'approvals':
      return [{ link: paths.approvals(), label: 'Held calls and their rules' }]
    case 'policies':
      return [{ link: paths.guardrails(), label: 'Central policies' }]
    case 'delegation':
      return [{ link: paths.delegation(), label: 'Who stands in' }]
    case 'reviews':
      return [{ link: paths.reviews(), label: 'Access reviews' }]
    case 'stops':
      return [{ link: paths.kill(), label: 'See what is stopped' }]
    default:
      return []
  }
}

function isOfHold(rule: string): boolean {
  return isHoldRule(rule) || rule.startsWith('call_') || rule.startsWith('hold_') || rule === 'held_call_altered'
}

function holdSteps(heldCall: ExplainedFacts[string] | undefined): NextStep[] {
  if (typeof heldCall !== 'string') return [{ link: paths.approvals(), label: 'Held calls and their rules' }]
  return [
    { link: paths.approval(heldCall), label: 'The held call' },
    { link: paths.approvals('rules'), label: 'Rules that hold calls' },
  ]
}

function scopeRequest(agent: NonNullable<Named>, { server, tool, class: toolClass }: RefusedAbout): NextStep {
  if (!server || !toolClass) {
    return { link: paths.agent(agent.id, 'scopes'), label: `Scopes of ${agent.name}: request one` }
  }
  const wanted = { server: server.id, class: toolClass as ToolClass, ...(tool ? { tool } : {}) }
  return { link: paths.requestScope(agent.id, wanted), label: 'Request this scope' }
}

function isOfServer(rule: string): boolean {
  return ['tool_', 'server_', 'upstream_', 'credential_', 'result_'].some((prefix) => rule.startsWith(prefix))
}
