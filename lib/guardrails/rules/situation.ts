import { digestOf } from '#lib/core/canonical-json.ts'
import type { Denial } from '../schema.ts'
import type { SituationFacts } from '../schema/situations.ts'
import type { CandidateVerdict } from './candidate.ts'
import type { PolicyQuestion } from './policy-set.ts'

/** What the central policies were asked, which set answered, and when: with it the answer can be given again, and another set asked. */
export type Judged = {
  readonly question: PolicyQuestion
  readonly version: string
  readonly at: Date
  readonly candidate?: CandidateVerdict | undefined
}

/** A question as it is stored: once, under its digest, however many calls ask it. */
export type Situation = { readonly digest: string; readonly facts: SituationFacts }

const remembered = new WeakMap<PolicyQuestion['agent'], WeakMap<PolicyQuestion['tool'], Map<string, Situation>>>()

/** The same object for the same question about the same facts, so that what is known of it can be remembered with it. */
export function situationOf(question: PolicyQuestion): Situation {
  const { agent, server, tool, grants, simulated, breakGlass, session } = question
  let ofAgent = remembered.get(agent)
  if (!ofAgent) remembered.set(agent, (ofAgent = new WeakMap()))
  let ofTool = ofAgent.get(tool)
  if (!ofTool) ofAgent.set(tool, (ofTool = new Map()))
  const key = `${simulated}|${breakGlass}|${server.environment}|${server.sensitivity}|${server.demo}|${session?.agentVersion}|${session?.startedBy}|${idsOf(grants)}`
  let situation = ofTool.get(key)
  if (!situation) {
    const facts = factsOf(question)
    ofTool.set(key, (situation = { digest: digestOf(facts), facts }))
  }
  return situation
}

const refusals = new WeakMap<Denial, Judged>()

/** Keeps what the policies refused beside the denial: that is told to agents, and this is not for them. */
export function refusedByPolicies(denial: Denial, judged: Judged): Denial {
  refusals.set(denial, judged)
  return denial
}

/** What the policies refused with this denial; undefined when it is not theirs. */
export function judgedOf(denial: Denial): Judged | undefined {
  return refusals.get(denial)
}

/** The question that was asked in a situation, at an hour of the week (0: Monday from 0:00 UTC). */
export function questionOf(facts: SituationFacts, hour: number): PolicyQuestion {
  const { agent, server, tool, grants, simulated, breakGlass, session } = facts
  return {
    agent: { id: agent.id, teamId: agent.team, tier: agent.tier, templateId: agent.template },
    server,
    tool: { serverId: server.id, name: tool.name, class: tool.class, ...(tool.isMethod ? { isMethod: true } : {}) },
    grants: grants.map((grant, at) => ({ ...grant, id: String(at), serverId: server.id, expiresAt: null })),
    simulated,
    breakGlass,
    session,
    clock: { hour: hour % 24, weekday: Math.floor(hour / 24) + 1 },
  }
}

function idsOf(grants: PolicyQuestion['grants']): string {
  return grants.length === 1 ? grants[0]!.id : grants.map((grant) => grant.id).join()
}

function factsOf({ agent, server, tool, grants, simulated, breakGlass, session }: PolicyQuestion): SituationFacts {
  const kinds = new Map(grants.map((grant) => [JSON.stringify([grant.class, grant.via, grant.toolName]), grant]))
  return {
    agent: { id: agent.id, team: agent.teamId, tier: agent.tier, template: agent.templateId ?? null },
    server: {
      id: server.id,
      environment: server.environment,
      sensitivity: server.sensitivity,
      demo: server.demo,
    },
    tool: { name: tool.name, class: tool.class, isMethod: tool.isMethod === true },
    grants: [...kinds]
      .toSorted(([a], [b]) => (a < b ? -1 : 1))
      .map(([, grant]) => ({ class: grant.class, toolName: grant.toolName, via: grant.via })),
    simulated,
    breakGlass,
    session,
  }
}
