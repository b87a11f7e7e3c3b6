import { type Actor, type Ctx, reader } from '#lib/auth/ctx.ts'
import { approvalRuleFor, escalated } from '../rules/approval-policy.ts'
import { decideScope, deciderOf } from '../rules.ts'
import { readApprovalRules } from './approval-policy.ts'

type Person = Extract<Actor, { kind: 'person' }>

/** Who of these people may approve a request now, by the same rule as the command; nobody when it does not wait for an approval. Callers authorize. */
export async function whoIsAsked(
  ctx: Ctx,
  { requestId, people }: { requestId: string; people: readonly Person[] },
): Promise<Person[]> {
  const db = reader(ctx)
  const found = await db.scopeRequest.findUnique({
    where: { id: requestId },
    select: {
      state: true,
      class: true,
      revision: true,
      escalations: true,
      requestedById: true,
      agent: { select: { status: true, tier: true, accountablePersonId: true, ownerTeamId: true } },
      server: { select: { name: true, status: true, environment: true, sensitivity: true, dataClasses: true } },
    },
  })
  if (found?.state !== 'pending') return []
  const facts = { ...found.server, class: found.class, tier: found.agent.tier }
  const rule = escalated(approvalRuleFor(await readApprovalRules(db), facts), found.escalations)
  const given = await db.scopeApproval.findMany({
    where: { requestId, revision: found.revision, ruleId: rule.id },
    select: { step: true, personId: true, forPersonId: true },
  })
  const request = { ...found, decidedByName: null, rule, given }
  return people.filter(
    (person) => decideScope(request, { decider: deciderOf(person), decision: 'approve', seen: found.revision }).ok,
  )
}
