import { actorForPerson } from '#lib/auth/queries.ts'
import { type Ctx, systemActor } from '#lib/auth/ctx.ts'
import type { BrokeredTool, BrokerView } from '#lib/broker/view/view.ts'
import type { Tx } from '#lib/db/client.ts'
import { digestOf } from '#lib/core/canonical-json.ts'
import {
  cancelHeldCall,
  decideHeldCall,
  endHeldCalls,
  holdCall,
  lookAtHeldCalls,
  settleHeldCall,
} from '#lib/guardrails/commands.ts'
import { decide } from '#lib/guardrails/rules/decide.ts'
import type { HeldCall } from '#lib/db/generated/client.ts'
import type { RuleId } from '#lib/guardrails/schema.ts'
import type { DecideHeldCallInput, ExactCall } from '#lib/guardrails/schema/held-calls.ts'
import { allowed, type Held, type Recorded, refused } from './decide-run.ts'

/** One moment of what was held: it happens in a transaction of its own at that time, with what is on record of it. */
export type Moment = { at: Date; happen: (ctx: Ctx & { tx: Tx }) => Promise<Recorded[]> }

const system = systemActor('broker')
const settleMs = 400

/** What a call that waits goes through, by the commands of brokers and people: held, decided about, and settled. `waiting`: those that wait now. */
export function momentsOf(held: Held, { view, waiting }: { view: BrokerView; waiting: Set<string> }): Moment[] {
  const { hold, call, allowed: wasAllowed } = held
  const exact = exactCall(held, view)
  const decidedAt = new Date(held.at.getTime() + hold.waitMs)
  const settledAt = new Date(decidedAt.getTime() + settleMs)
  // The one before may have been made by a seeding that was interrupted.
  const rowOf = ({ tx }: Ctx & { tx: Tx }) =>
    tx.heldCall.findFirstOrThrow({
      where: { runId: call.caller.runId, serverId: call.serverId, tool: call.tool, createdAt: held.at },
    })
  return [
    {
      at: held.at,
      async happen(ctx) {
        const input = { source: 'broker', call: exact, class: wasAllowed.tool.class, rule: hold.rule } as const
        waiting.add((await holdCall({ ...ctx, actor: system }, input)).heldCallId)
        return []
      },
    },
    {
      at: decidedAt,
      async happen(ctx) {
        const { id } = await rowOf(ctx)
        // Their callers are still there.
        await lookAtHeldCalls({ ...ctx, actor: system }, [...waiting, id])
        if (hold.decision === 'expire') await endHeldCalls({ ...ctx, actor: system })
        else await decideAs(ctx, id, held)
        waiting.delete(id)
        return []
      },
    },
    {
      at: settledAt,
      async happen(ctx) {
        const { id } = await rowOf(ctx)
        await settleHeldCall({ ...ctx, actor: system }, { heldCallId: id, call: exact, by: 'demo data' })
        return []
      },
    },
    {
      at: new Date(settledAt.getTime() + 1),
      happen: async (ctx) => carryOut(held, await rowOf(ctx), { view, at: ctx.now, ctx }),
    },
  ]
}

/** What brokers record of a call when it goes on, or does not. */
async function carryOut(
  { hold, call, planned }: Held,
  row: HeldCall,
  { view, at, ctx }: { view: BrokerView; at: Date; ctx: Ctx & { tx: Tx } },
): Promise<Recorded[]> {
  const facts = { heldCall: row.id, holdRule: hold.rule.id }
  const deny = (rule: RuleId, message: string) => [refused(call, { rule, message, facts }, { view, at })]
  switch (row.state) {
    case 'rejected': {
      const by = row.decidedById && (await ctx.tx.person.findUnique({ where: { id: row.decidedById } }))
      return deny('call_rejected', `${by ? by.name : 'somebody'} rejected it: ${row.note}`)
    }
    case 'expired':
      return deny('call_hold_expired', `It was held because of: ${hold.rule.title}.`)
    case 'approved':
    case 'edited': {
      const given = (row.editedArguments ?? row.arguments) as Record<string, unknown>
      const made = { ...call, arguments: given }
      const anew = decide(made, view, at)
      if (!anew.ok) return [refused(made, anew.error, { view, at })]
      return allowed(made, { ...anew.value, bypassed: null }, { view, at, planned })
    }
    case 'waiting':
    case 'cancelled':
      return deny('call_hold_cancelled', `The held call ${row.id} was withdrawn.`)
  }
}

async function decideAs(ctx: Ctx, heldCallId: string, { hold }: Held): Promise<void> {
  const actor = await actorForPerson(ctx.db, hold.deciderId)
  const { decision, note, arguments: given } = hold
  const input = {
    heldCallId,
    decision,
    ...(note ? { note } : {}),
    ...(decision === 'edit' ? { arguments: given } : {}),
  }
  const outcome = actor && (await decideHeldCall({ ...ctx, actor }, input as DecideHeldCallInput))
  // Somebody who may decide no more: then nobody did.
  if (!outcome?.ok) await cancelHeldCall({ ...ctx, actor: system }, { heldCallId, reason: 'Nobody decided about it.' })
}

/** What an approval is for. */
function exactCall({ call, allowed: { tool } }: Held, { policies }: BrokerView): ExactCall {
  const { definition } = tool as BrokeredTool
  return {
    agentId: call.caller.agentId,
    agentVersion: call.caller.version,
    runId: call.caller.runId,
    session: null,
    serverId: call.serverId,
    tool: call.tool,
    definitionHash: digestOf({ definition, class: tool.class }),
    arguments: { ...call.arguments },
    inputResponses: null,
    policyVersion: policies.version,
  }
}
