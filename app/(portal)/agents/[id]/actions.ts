'use server'

import { revalidatePath } from 'next/cache'
import { z } from 'zod'
import { issueAgentCredential, revokeAgentCredentials } from '#lib/auth/commands/agent-tokens.ts'
import type { Ctx } from '#lib/auth/ctx.ts'
import { paths } from '#lib/core/paths.ts'
import { limitAgentCalls, setAgentLimits } from '#lib/guardrails/commands.ts'
import { setAgentLimitsInput } from '#lib/guardrails/schema/agent-limits.ts'
import { limitAgentCallsInput } from '#lib/guardrails/schema/call-rates.ts'
import { startRun } from '#lib/harness/commands.ts'
import { startRunInput } from '#lib/harness/schema.ts'
import {
  askForScope,
  changeAgentLogic,
  markReviewed,
  resumeAgent,
  retireAgent,
  setSchedule,
  suspendAgent,
  takeBreakGlass as takeBreakGlassNow,
  takeOverAgent,
  updateAgent,
} from '#lib/lifecycle/commands.ts'
import {
  changeAgentLogicInput,
  markReviewedInput,
  moveAgentInput,
  setScheduleInput,
  takeOverInput,
  updateAgentInput,
} from '#lib/lifecycle/schema.ts'
import { narrowGrant, revokeGrant } from '#lib/scopes/commands.ts'
import { agentRevision } from '#lib/registry/queries/revisions.ts'
import { requestScopeInput, revokeGrantInput } from '#lib/scopes/schema.ts'
import { narrowGrantInput } from '#lib/scopes/schema/usage.ts'
import { breakGlassInput } from '#lib/scopes/schema/break-glass.ts'
import { portalAction } from '#lib/web/action.ts'
import { unchangedSince } from '#lib/web/conditional.ts'

export const runNow = portalAction(startRunInput, (ctx, input) => startRun(ctx, { ...input, trigger: 'manual' }))

export const suspend = portalAction(moveAgentInput, async (ctx, input) => shown(await suspendAgent(ctx, input), input))
export const resume = portalAction(moveAgentInput, async (ctx, input) => shown(await resumeAgent(ctx, input), input))
export const takeOver = portalAction(takeOverInput, async (ctx, input) => shown(await takeOverAgent(ctx, input), input))
export const retire = portalAction(moveAgentInput, async (ctx, input) => shown(await retireAgent(ctx, input), input))

// What is attested or edited is what the page has shown: not what somebody has made of it since.
const seen = { revision: z.string().max(100) }
const asSeen = <C extends Ctx>(ctx: C, { agentId: id, revision }: { agentId: string; revision: string }) =>
  unchangedSince(ctx, { read: agentRevision, id }, revision)

export const review = portalAction(markReviewedInput.extend(seen), async (ctx, input) =>
  shown(await markReviewed(asSeen(ctx, input), input), input),
)
export const update = portalAction(updateAgentInput.extend(seen), async (ctx, { revision, ...input }) =>
  shown(await updateAgent(asSeen(ctx, { ...input, revision }), input), input),
)
export const limitCalls = portalAction(limitAgentCallsInput.extend(seen), async (ctx, { revision, ...input }) =>
  shown(await limitAgentCalls(asSeen(ctx, { ...input, revision }), input), input),
)
export const setLimits = portalAction(setAgentLimitsInput.extend(seen), async (ctx, { revision, ...input }) =>
  shown(await setAgentLimits(asSeen(ctx, { ...input, revision }), input), input),
)
export const schedule = portalAction(setScheduleInput.extend(seen), async (ctx, input) =>
  shown(await setSchedule(asSeen(ctx, input), input), input),
)
export const changeLogic = portalAction(changeAgentLogicInput.extend(seen), async (ctx, input) =>
  shown(await changeAgentLogic(asSeen(ctx, input), input), input),
)

export const requestScope = portalAction(requestScopeInput, async (ctx, input) =>
  shown(await askForScope(ctx, input), input),
)
export const takeBreakGlass = portalAction(breakGlassInput, async (ctx, input) =>
  shown(await takeBreakGlassNow(ctx, input), input),
)
export const narrow = portalAction(narrowGrantInput, async (ctx, input) => {
  const outcome = await narrowGrant(ctx, input)
  revalidatePath('/agents/[id]', 'layout')
  return outcome
})
export const revoke = portalAction(revokeGrantInput, async (ctx, input) => {
  const outcome = await revokeGrant(ctx, input)
  revalidatePath('/agents/[id]', 'layout')
  return outcome
})

const agentId = z.string().min(1).max(100)
export const issueCredential = portalAction(z.strictObject({ agentId }), async (ctx, input) =>
  shown(await issueAgentCredential(ctx, input), input),
)
export const revokeCredential = portalAction(
  z.strictObject({ agentId, clientId: z.string().min(1).max(100) }),
  async (ctx, input) => shown(await revokeAgentCredentials(ctx, input), input),
)

// The frame around the tabs shows the state too, so the whole agent is read again.
function shown<R>(outcome: R, { agentId }: { agentId: string }): R {
  revalidatePath(paths.agent(agentId), 'layout')
  return outcome
}
