import { recordAudit } from '#lib/audit/commands.ts'
import { authorize, type Ctx, inTx, requirePerson } from '#lib/auth/ctx.ts'
import { canonicalJson } from '#lib/core/canonical-json.ts'
import { err, ok, type Result } from '#lib/core/result.ts'
import { storable } from '#lib/core/storable.ts'
import type { Tx } from '#lib/db/client.ts'
import { standsInFor } from '#lib/delegation/queries.ts'
import type { Prisma } from '#lib/db/generated/client.ts'
import { pastOwners } from '#lib/registry/queries.ts'
import { loadRegistryFacts } from '../queries/policy-view.ts'
import { argumentsProblem } from '../rules/arguments-fit.ts'
import { decideHeld, rolesText, stateAfter } from '../rules/held-calls.ts'
import { decideHeldInPlaceOf } from '../rules/held-stand-in.ts'
import { driverIdOf } from '../queries/drivers.ts'
import { writersOf } from '../queries/writers.ts'
import { driverOf } from '../rules/drivers.ts'
import { isAsHeld } from '../rules/held-seals.ts'
import { otherHoldOf } from '../rules/holds.ts'
import type { DecideHeldCallInput, HeldCallRefusal, HeldCallState } from '../schema/held-calls.ts'
import { aboutHeldCall, cancelAltered, columnsOf, endWith, type HeldCallRow, lockHeldCall } from './held-calls.ts'

/** An approval that comes at the last moment is good for this long, so that its caller can still use it. */
const releaseMs = 120_000

/**
 * Approves a held call, approves it with other arguments, or rejects it with a reason the agent is given. Needs `calls:decide` and a role of its rule, with `forPersonId` in the place of somebody one stands in for, and nobody decides about an
 * agent they are accountable for, a call they are behind or one of a version they wrote; throws `not_found`. Of two who decide at once one does, and the other is told. What is not any more what was held is cancelled, so that its caller may send it again. Edited arguments must fit the tool's schema; the broker decides about them anew.
 */
export async function decideHeldCall(
  ctx: Ctx,
  input: DecideHeldCallInput,
): Promise<Result<{ state: HeldCallState }, HeldCallRefusal>> {
  authorize(ctx, 'calls:decide')
  const actor = requirePerson(ctx)
  return await inTx(ctx, async (tx, ctx) => {
    const row = await lockHeldCall(tx, input.heldCallId)
    const about = aboutHeldCall(row)
    const move = input.decision
    const facts = await factsOf(tx, ctx, row)
    const absent = await absentPerson(ctx, { actor, id: input.forPersonId })
    const held = !absent
      ? decideHeld(facts, { actor, move, now: ctx.now })
      : absent.ok
        ? decideHeldInPlaceOf(facts, { delegate: actor, absent: absent.value, move, now: ctx.now })
        : absent
    const allowed = held.ok ? asHeld(row) : held
    const decision = allowed.ok && input.decision === 'edit' ? await checkEdit(ctx, tx, row, input.arguments) : allowed
    if (!decision.ok) {
      const { rule, message } = decision.error
      const detail = { heldCallId: row.id, reason: rule, message }
      recordAudit(tx, ctx, { event: 'call.decision_refused', ...about, rule, detail })
      if (rule === 'approvals:altered') await cancelAltered(tx, ctx, row)
      return decision
    }
    const note = input.note ?? null
    const state = stateAfter(move)
    const place = absent?.ok ? { id: absent.value.id, name: absent.value.name } : null
    const inPlaceOf = place ? { standsInFor: place } : {}
    const decided = { state, decidedById: actor.id, decidedForId: place?.id ?? null, decidedAt: ctx.now, note }
    if (input.decision === 'reject') {
      await endWith(tx, row, decided)
      const detail = { heldCallId: row.id, digest: row.digest, note: input.note, ...inPlaceOf }
      recordAudit(tx, ctx, { event: 'call.rejected', ...about, decision: 'deny', rule: 'call_rejected', detail })
      return ok({ state })
    }
    const before = row.arguments as Record<string, unknown>
    const after = input.decision === 'edit' ? storable(input.arguments) : before
    const expiresAt = new Date(Math.max(row.expiresAt.getTime(), ctx.now.getTime() + releaseMs))
    const edited = input.decision === 'edit' ? { editedArguments: after as Prisma.InputJsonObject } : {}
    const approval = await endWith(tx, row, { ...decided, ...edited, expiresAt })
    const detail = { heldCallId: row.id, digest: row.digest, approval, note, ...inPlaceOf }
    if (input.decision === 'approve') {
      recordAudit(tx, ctx, { event: 'call.approved', ...about, decision: 'allow', detail })
    } else {
      // Which arguments, never what they are.
      const changed = changedKeys(before, after)
      recordAudit(tx, ctx, { event: 'call.edited', ...about, decision: 'allow', detail: { ...detail, changed } })
    }
    return ok({ state })
  })
}

type Person = ReturnType<typeof requirePerson>

/** In whose place somebody decides, if they stand in for them now; null: in their own. */
async function absentPerson(
  ctx: Ctx,
  { actor, id }: { actor: Person; id: string | undefined },
): Promise<Result<Person, HeldCallRefusal> | null> {
  if (id === undefined) return null
  const found = (await standsInFor(ctx, actor.id)).find(({ person }) => person.id === id)
  if (found) return ok(found.person)
  const message = 'You do not stand in for them now: decide in your own place, or leave it.'
  return err({ rule: 'approvals:not_standing_in', message })
}

async function factsOf(tx: Tx, ctx: Ctx, row: HeldCallRow) {
  const decidedBy = row.decidedById
    ? await tx.person.findUnique({ where: { id: row.decidedById }, select: { name: true } })
    : null
  const driverId = await driverIdOf(tx, row)
  const run = row.runId ? await tx.run.findUnique({ where: { id: row.runId }, select: { requestedById: true } }) : null
  return {
    state: row.state,
    source: row.source as 'broker' | 'claude',
    expiresAt: row.expiresAt,
    class: row.class,
    deciderRoles: row.deciderRoles,
    excludedDeciders: row.excludedDeciders,
    decidedByName: decidedBy?.name ?? null,
    agent: { ...row.agent, past: await pastOwners(ctx, row.agentId) },
    starterIds: [row.startedById, driverId, run?.requestedById ?? null],
    writerIds: await writersOf(tx, row),
  }
}

/** Nobody decides about another call, rule or time than what was put before people. */
function asHeld(row: HeldCallRow): Result<null, HeldCallRefusal> {
  if (isAsHeld(columnsOf(row))) return ok(null)
  const message =
    'It is not any more what was held, so nobody decides about it: it is cancelled, and its caller may send it again.'
  return err({ rule: 'approvals:altered', message })
}

async function checkEdit(
  ctx: Ctx,
  tx: Tx,
  row: HeldCallRow,
  given: Record<string, unknown>,
): Promise<Result<null, HeldCallRefusal>> {
  const fits = await checkArguments(tx, row, given)
  return fits.ok ? await checkRule(ctx, row, given) : fits
}

/** Nobody edits a call past a rule by which others decide. The broker asks again before it goes. */
async function checkRule(
  ctx: Ctx,
  row: HeldCallRow,
  given: Record<string, unknown>,
): Promise<Result<null, HeldCallRefusal>> {
  const { agentId, serverId } = row
  if (serverId === null) return ok(null)
  const view = await loadRegistryFacts(ctx, { agentId, serverId, past: null })
  const [agent, server] = [view.agents.get(agentId), view.servers.get(serverId)]
  const tool = server?.tools.get(row.tool)
  if (!agent || !server || !tool) return ok(null)
  // Who is behind it was noted when it was held.
  const drivenBy = driverOf(row)
  const caller = drivenBy ? { drivenBy } : {}
  const about = {
    agent,
    server,
    tool,
    run: { startedById: row.startedById, writerIds: await writersOf(ctx.tx ?? ctx.db, row) },
  }
  const other = otherHoldOf({ arguments: given, caller }, about, { view, now: ctx.now }, row)
  if (!other) return ok(null)
  const message = `With these arguments it is held by another rule (${other.title}), by which decide: ${rolesText(other.deciderRoles)}. Leave them as they are, or reject it and say what to ask for.`
  return err({ rule: 'approvals:other_rule', message })
}

async function checkArguments(
  tx: Tx,
  row: HeldCallRow,
  given: Record<string, unknown>,
): Promise<Result<null, HeldCallRefusal>> {
  const tool = await tx.mcpTool.findUnique({
    where: { serverId_name: { serverId: row.serverId ?? '', name: row.tool } },
    select: { inputSchema: true },
  })
  const problem = tool ? argumentsProblem(tool.inputSchema, given) : 'the tool is not in the registry any more'
  if (problem === null) return ok(null)
  const message = `These arguments do not fit ${row.tool}: ${problem}.`
  return err({ rule: 'approvals:arguments_invalid', message })
}

function changedKeys(before: Record<string, unknown>, after: Record<string, unknown>): string[] {
  const keys = new Set([...Object.keys(before), ...Object.keys(after)])
  return [...keys].filter((key) => canonicalJson(before[key] ?? null) !== canonicalJson(after[key] ?? null)).toSorted()
}
