import { type Actor, type Ctx, reader } from '#lib/auth/ctx.ts'
import { pastOwnersOf } from '#lib/registry/queries.ts'
import { escalated } from '../rules/approval-policy.ts'
import { requestPolicy } from '../rules/request-policy.ts'
import { type DecidableRequest, decideScope, deciderOf } from '../rules.ts'
import { readApprovalRules } from './approval-policy.ts'
import { toolsNamedIn } from './named-tools.ts'

type Person = Extract<Actor, { kind: 'person' }>

/** Who of these people may approve a request now, by the same rule as the command; nobody when it does not wait for an approval. Callers authorize. */
export async function whoIsAsked(
  ctx: Ctx,
  { requestId, people }: { requestId: string; people: readonly Person[] },
): Promise<Person[]> {
  return (await whoAreAsked(ctx, { requestIds: [requestId], people })).get(requestId) ?? []
}

/** Like `whoIsAsked` for several requests at once; those that wait for no approval are left out. */
export async function whoAreAsked(
  ctx: Ctx,
  { requestIds, people }: { requestIds: readonly string[]; people: readonly Person[] },
): Promise<Map<string, Person[]>> {
  const requests = await decidableRequests(ctx, requestIds)
  return new Map(requests.map((request) => [request.id, people.filter((each) => mayApprove(request, each))]))
}

export function mayApprove(request: DecidableRequest, person: Person): boolean {
  return decideScope(request, { decider: deciderOf(person), decision: 'approve', seen: request.revision }).ok
}

/** Those of these requests that wait, with what the rule of a decision goes by. */
export async function decidableRequests(
  ctx: Ctx,
  requestIds: readonly string[],
): Promise<(DecidableRequest & { id: string })[]> {
  const db = reader(ctx)
  const [requests, rules, approvals] = await Promise.all([
    db.scopeRequest.findMany({
      where: { id: { in: [...requestIds] }, state: 'pending' },
      select: {
        id: true,
        state: true,
        serverId: true,
        class: true,
        toolNames: true,
        revision: true,
        escalations: true,
        escalationRuleId: true,
        requestedById: true,
        agent: { select: { id: true, status: true, tier: true, accountablePersonId: true, ownerTeamId: true } },
        server: { select: { name: true, status: true, environment: true, sensitivity: true, dataClasses: true } },
      },
    }),
    readApprovalRules(db),
    db.scopeApproval.findMany({
      where: { requestId: { in: [...requestIds] } },
      select: { requestId: true, revision: true, ruleId: true, step: true, personId: true, forPersonId: true },
    }),
  ])
  const past = await pastOwnersOf(
    ctx,
    requests.map(({ agent }) => agent.id),
  )
  const toolsOf = await toolsNamedIn(db, requests)
  return requests.map((found) => {
    const { server, class: toolClass, toolNames, requestedById: requesterId } = found
    const facts = { ...server, class: toolClass, toolNames, requesterId, tier: found.agent.tier, tools: toolsOf(found) }
    const rule = escalated(requestPolicy(rules, facts).rule, found)
    const given = approvals.filter(
      ({ requestId, revision, ruleId }) => requestId === found.id && revision === found.revision && ruleId === rule.id,
    )
    const agent = { ...found.agent, past: past(found.agent.id) }
    return { ...found, agent, decidedByName: null, rule, given }
  })
}
