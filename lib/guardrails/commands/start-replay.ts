import { recordAudit } from '#lib/audit/commands.ts'
import { authorize, type Ctx, inTx } from '#lib/auth/ctx.ts'
import { DomainError } from '#lib/core/errors.ts'
import type { Tx } from '#lib/db/client.ts'
import { enqueue, jobs } from '#lib/jobs/contracts.ts'
import { checkedPolicies } from '../cedar/checked.ts'
import { versionOf } from '../cedar/policy-set.ts'
import { joinPolicies } from '../cedar/split.ts'
import { tryPolicies } from '../cedar/try-policies.ts'
import { policySchema } from '../queries/policy-source.ts'
import { rangeInLog } from '../replay/recorded-calls.ts'
import { policySetNotFound } from '../rules/policy-set-errors.ts'
import { stillTheText } from '../rules/policy-set-life.ts'
import { replaySubject } from '../rules/replay-words.ts'
import { rangeHours, type StartReplayInput, type StartTextReplayInput } from '../schema/replays.ts'

/**
 * Asks the worker to decide recorded calls again, by the text that the set has now. One at a time of a set: throws `conflict` while another one is queued or runs.
 * Needs `policies:manage`.
 */
export async function startPolicyReplay(ctx: Ctx, { number, since }: StartReplayInput): Promise<{ replayId: string }> {
  authorize(ctx, 'policies:manage')
  // Takes seconds for a large one, so not within the transaction.
  const looked = await ctx.db.policySet.findUnique({ where: { number }, select: { version: true, policies: true } })
  if (!looked) throw policySetNotFound(number)
  const [wrong] = (await checkedPolicies(joinPolicies(looked.policies), policySchema)).problems
  if (wrong) {
    const message = `It cannot be replayed: policy set ${number} is not valid in this release. Line ${wrong.line}: ${wrong.message}`
    throw new DomainError('invalid', message, { rule: 'replays:not_valid' })
  }
  return await inTx(ctx, async (tx, ctx) => {
    // Two who ask at once take turns.
    const [set] = await tx.$queryRaw<{ version: string; state: string }[]>`
      select "version", "state"::text from "PolicySet" where "number" = ${number} for update`
    if (!set) throw policySetNotFound(number)
    if (set.state === 'discarded') {
      const message = `Policy set ${number} is thrown away: make a draft of it.`
      throw new DomainError('conflict', message, { rule: 'policies:discarded' })
    }
    const same = stillTheText(looked.version, set.version)
    if (!same.ok) throw new DomainError('conflict', same.error.message, { rule: same.error.rule })
    return await begin(tx, ctx, { number, version: set.version, policies: [], since })
  })
}

/** The same for policies that are not saved, if they type-check; one at a time of a text. Needs `policies:manage`. */
export async function startTextReplay(ctx: Ctx, { text, since }: StartTextReplayInput): Promise<{ replayId: string }> {
  authorize(ctx, 'policies:manage')
  const checked = await tryPolicies(text, policySchema)
  const [problem] = checked.problems
  if (problem) {
    const message = `Line ${problem.line}${problem.policyId ? ` (${problem.policyId})` : ''}: ${problem.message}`
    throw new DomainError('invalid', message, { rule: 'replays:not_valid', field: 'text', line: problem.line })
  }
  const policies = checked.policies.map((policy) => policy.text)
  const version = versionOf({ schema: policySchema, policies })
  return await inTx(ctx, async (tx, ctx) => {
    await tx.$queryRaw`select 1 from pg_advisory_xact_lock(hashtextextended(${`policy_replay:${version}`}, 0))`
    return await begin(tx, ctx, { number: null, version, policies, since })
  })
}

async function begin(
  tx: Tx,
  ctx: Ctx,
  { number, version, policies, since }: { number: number | null; version: string; policies: string[]; since: string },
): Promise<{ replayId: string }> {
  const open = await tx.policyReplay.findFirst({
    where: { setNumber: number, ...(number === null && { setVersion: version }), state: { in: ['queued', 'running'] } },
    select: { id: true },
  })
  if (open) {
    const what = number === null ? 'This text' : `Policy set ${number}`
    const message = `${what} is being replayed already. Wait for it, or cancel it.`
    throw new DomainError('conflict', message, { rule: 'replays:one_at_a_time', replayId: open.id })
  }
  const hours = rangeHours(since) ?? 0
  const fromAt = new Date(ctx.now.getTime() - hours * 3_600_000)
  const { afterSeq, upToSeq } = await rangeInLog(tx, fromAt)
  const { id } = await tx.policyReplay.create({
    data: {
      setNumber: number,
      setVersion: version,
      policies,
      fromAt,
      toAt: ctx.now,
      afterSeq,
      upToSeq,
      doneSeq: afterSeq,
      requestedById: ctx.actor.id,
      requestedByName: ctx.actor.name,
      createdAt: ctx.now,
    },
    select: { id: true },
  })
  await enqueue(tx, jobs.replayPolicies, { payload: { replayId: id }, key: `replay:${id}` })
  recordAudit(tx, ctx, {
    event: 'policy_replay.started',
    subject: replaySubject(id, number),
    detail: { number, version, from: fromAt.toISOString(), to: ctx.now.toISOString() },
  })
  return { replayId: id }
}
