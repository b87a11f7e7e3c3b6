import type { Ctx } from '#lib/auth/ctx.ts'
import { createHoldRule, removeHoldRule } from '#lib/guardrails/commands.ts'
import type { CreateHoldRuleInput } from '#lib/guardrails/schema/held-calls.ts'
import { confirmLoosening } from '#lib/registry/commands.ts'
import { listLoosenings } from '#lib/registry/queries.ts'
import { confirmApprovalRule, createApprovalRule, removeApprovalRule } from '#lib/scopes/commands.ts'
import type { CreateApprovalRuleInput } from '#lib/scopes/schema/approval-policy.ts'
import { ctxFor, makePerson } from './fleet.ts'

/** A rule of the approval policy that holds, whether or not it makes approval easier. */
export async function approvalRuleInForce(ctx: Ctx, input: CreateApprovalRuleInput): Promise<{ ruleId: string }> {
  const { ruleId, waits } = await createApprovalRule(ctx, input)
  if (waits) await confirmApprovalRule(await second(ctx), { ruleId })
  return { ruleId }
}

/** Ends a rule of the approval policy, by two people where it takes two. */
export async function endApprovalRule(ctx: Ctx, input: { ruleId: string; reason: string }): Promise<void> {
  const { waits } = await removeApprovalRule(ctx, input)
  if (waits) await removeApprovalRule(await second(ctx), input)
}

/** Ends a rule that holds calls, by two people. */
export async function endHoldRule(ctx: Ctx, input: { ruleId: string; reason: string }): Promise<void> {
  await removeHoldRule(ctx, input)
  await removeHoldRule(await second(ctx), input)
}

/** A rule that holds calls in the place of another one, whose end a second person has confirmed. */
export async function replaceHoldRule(
  ctx: Ctx,
  input: CreateHoldRuleInput & { replaces: string },
): Promise<{ ruleId: string }> {
  const made = await createHoldRule(ctx, input)
  await removeHoldRule(await second(ctx), { ruleId: input.replaces, reason: 'It is replaced.' })
  return made
}

/** Lets all count that is proposed of a server, by a second person. */
export async function confirmLoosenings(ctx: Ctx, serverId: string, by?: Ctx): Promise<void> {
  const confirming = by ?? (await second(ctx))
  for (const { id } of await listLoosenings(confirming, { serverId })) {
    await confirmLoosening(confirming, { looseningId: id })
  }
}

async function second(ctx: Ctx): Promise<Ctx> {
  return ctxFor(ctx.db, await makePerson(ctx.db, { roles: ['platform_admin'] }), ctx.now)
}
