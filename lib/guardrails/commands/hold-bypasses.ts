import { recordAudit } from '#lib/audit/commands.ts'
import { authorize, can, type Ctx, inTx, requirePerson } from '#lib/auth/ctx.ts'
import { activePeople } from '#lib/auth/queries.ts'
import { DomainError } from '#lib/core/errors.ts'
import { err, ok, type Result } from '#lib/core/result.ts'
import type { Tx } from '#lib/db/client.ts'
import { agentsOnceOf, pastOwners } from '#lib/registry/queries.ts'
import { type Bypassable, decideBypass, type OpenedBypass } from '../rules/hold-bypasses.ts'
import type { EndHoldBypassInput, HoldBypassRefusal, OpenHoldBypassInput } from '../schema/hold-bypasses.ts'

/**
 * Lets calls through that a rule would hold, for eight hours at most, and for no more in all of one person within a day; brokers follow within a second. It is announced, shown on every page while it holds, recorded with each call
 * it lets through, and never for agents that are or were a while ago the opener's or of their teams, nor for what is destructive on production. Needs `holds:bypass`; throws `not_found`. Refusals are recorded; of
 * two at once for the same, one is opened.
 */
export async function openHoldBypass(
  ctx: Ctx,
  input: OpenHoldBypassInput,
): Promise<Result<{ bypassId: string; expiresAt: string }, HoldBypassRefusal>> {
  authorize(ctx, 'holds:bypass')
  const person = requirePerson(ctx)
  return await inTx(ctx, async (tx, ctx) => {
    const { ruleId, agentId, minutes, reason } = input
    // The lock makes two take turns; the second then sees the first one's.
    await tx.$queryRaw`select 1 from "HoldRule" where "id" = ${ruleId}::uuid for update`
    const rule = await tx.holdRule.findUnique({ where: { id: ruleId, removedAt: null } })
    if (!rule) throw new DomainError('not_found', 'There is no such rule in force.')
    const agent = agentId === null ? null : await findAgent(tx, ctx, agentId)
    const about = {
      subject: { kind: 'hold_rule', id: ruleId, name: rule.title },
      ...(agent ? { agentId: agent.id, teamId: agent.ownerTeamId } : {}),
      ...(rule.serverId ? { serverId: rule.serverId } : {}),
      ...(rule.toolName ? { tool: rule.toolName } : {}),
    }
    const inForce = await tx.holdBypass.findFirst({
      where: { ruleId, agentId, endedAt: null, expiresAt: { gt: ctx.now } },
      select: { id: true },
    })
    const bypassable = { rule: { ...rule, ...(await placeOf(tx, rule)) }, agent, inForce: inForce !== null }
    const own = await ownBypasses(tx, ctx, { ruleId, personId: person.id })
    const decision = decideBypass(bypassable, person, { minutes, now: ctx.now, own })
    if (!decision.ok) {
      const refusal = decision.error
      const detail = { ruleId, reason: refusal.rule, message: refusal.message }
      recordAudit(tx, ctx, { event: 'hold_bypass.refused', ...about, rule: refusal.rule, detail })
      return err(refusal)
    }
    const except = { exceptTeamIds: [...person.teamIds], exceptAgentIds: await ownAgents(tx, ctx, person) }
    const expiresAt = new Date(ctx.now.getTime() + minutes * 60_000)
    const { id } = await tx.holdBypass.create({
      data: { ruleId, agentId, reason, ...except, openedById: person.id, openedAt: ctx.now, expiresAt },
      select: { id: true },
    })
    const until = expiresAt.toISOString()
    const detail = { bypassId: id, ruleId, reason, expiresAt: until, ...except }
    recordAudit(tx, ctx, { event: 'hold_bypass.opened', ...about, detail })
    return ok({ bypassId: id, expiresAt: until })
  })
}

/** Ends a bypass: the rule holds calls again within a second. Needs `holds:bypass`; throws `not_found`; one that has ended already stays as it ended. */
export async function endHoldBypass(ctx: Ctx, { bypassId }: EndHoldBypassInput): Promise<{ ended: boolean }> {
  authorize(ctx, 'holds:bypass')
  const person = requirePerson(ctx)
  return await inTx(ctx, async (tx, ctx) => {
    const bypass = await tx.holdBypass.findUnique({ where: { id: bypassId }, include: withRule })
    if (!bypass) throw new DomainError('not_found', 'There is no such bypass.')
    const { count } = await tx.holdBypass.updateMany({
      where: { id: bypassId, endedAt: null, expiresAt: { gt: ctx.now } },
      data: { endedAt: ctx.now, endedById: person.id },
    })
    if (count === 0) return { ended: false }
    recordEnd(tx, ctx, bypass, 'person')
    return { ended: true }
  })
}

/** Ends every bypass whose time is over or whose opener may open none any more: brokers heed it no more already. For our own processes. */
export async function endHoldBypasses(ctx: Ctx): Promise<number> {
  authorize(ctx, 'holds:bypass')
  if ((await ctx.db.holdBypass.count({ where: { endedAt: null } })) === 0) return 0
  return await inTx(ctx, async (tx, ctx) => {
    const rows = await tx.$queryRaw<{ id: string; openedById: string; over: boolean }[]>`
      select "id", "openedById", "expiresAt" <= ${ctx.now} as "over" from "HoldBypass" where "endedAt" is null order by "expiresAt", "id" limit 500 for update skip locked`
    const openers = await activePeople(ctx, { ids: rows.map(({ openedById }) => openedById) })
    const may = new Set(openers.filter((opener) => can(opener, 'holds:bypass')).map(({ id }) => id))
    const over = rows.filter((row) => row.over)
    const left = rows.filter((row) => !row.over && !may.has(row.openedById))
    await end(tx, ctx, { ids: over.map(({ id }) => id), how: 'time' })
    await end(tx, ctx, { ids: left.map(({ id }) => id), how: 'opener_left' })
    return over.length + left.length
  })
}

/** With its rule a bypass ends, too. */
export async function endBypassesOf(tx: Tx, ctx: Ctx, ruleId: string): Promise<void> {
  const rows = await tx.holdBypass.findMany({ where: { ruleId, endedAt: null }, select: { id: true } })
  await end(tx, ctx, { ids: rows.map(({ id }) => id), how: 'rule_removed' })
}

async function end(
  tx: Tx,
  ctx: Ctx,
  { ids, how }: { ids: readonly string[]; how: Exclude<HowEnded, 'person'> },
): Promise<void> {
  for (const id of ids) {
    const bypass = await tx.holdBypass.findUniqueOrThrow({ where: { id }, include: withRule })
    const endedAt = bypass.expiresAt < ctx.now ? bypass.expiresAt : ctx.now
    await tx.holdBypass.update({ where: { id }, data: { endedAt } })
    recordEnd(tx, ctx, bypass, how)
  }
}

type HowEnded = 'person' | 'time' | 'rule_removed' | 'opener_left'

const withRule = { rule: { select: { title: true } } }

function recordEnd(
  tx: Tx,
  ctx: Ctx,
  bypass: { id: string; ruleId: string; agentId: string | null; rule: { title: string } },
  how: HowEnded,
): void {
  const { id, ruleId, agentId, rule } = bypass
  recordAudit(tx, ctx, {
    event: 'hold_bypass.ended',
    subject: { kind: 'hold_rule', id: ruleId, name: rule.title },
    ...(agentId ? { agentId } : {}),
    detail: { bypassId: id, ruleId, how },
  })
}

async function findAgent(tx: Tx, ctx: Ctx, id: string) {
  const agent = await tx.agent.findUnique({
    where: { id },
    select: { id: true, name: true, accountablePersonId: true, ownerTeamId: true },
  })
  if (!agent) throw new DomainError('not_found', `No agent ${id} is registered.`)
  return { ...agent, past: await pastOwners(ctx, id) }
}

/** What somebody had bypassed of a rule within the day before the longest that they can open now. */
async function ownBypasses(
  tx: Tx,
  ctx: Ctx,
  { ruleId, personId }: { ruleId: string; personId: string },
): Promise<OpenedBypass[]> {
  const openedAt = { gt: new Date(ctx.now.getTime() - 2 * 24 * 3_600_000) }
  const rows = await tx.holdBypass.findMany({
    where: { ruleId, openedById: personId, openedAt },
    select: { openedAt: true, expiresAt: true, endedAt: true },
  })
  return rows.map(({ openedAt, expiresAt, endedAt }) => ({ openedAt, endsAt: endedAt ?? expiresAt }))
}

/**
 * Agents that somebody is accountable for, or that were theirs or of their teams a while ago. What gives away one of theirs at this moment waits until the bypass is written, where
 * the database then adds it (`except_given_away`), or came before and is read here.
 */
async function ownAgents(tx: Tx, ctx: Ctx, person: { id: string; teamIds: readonly string[] }): Promise<string[]> {
  const theirs = await tx.$queryRaw<{ id: string; accountable: boolean }[]>`
    select "id", "accountablePersonId" = ${person.id}::uuid and "status" <> 'retired' as "accountable" from "Agent"
    where "accountablePersonId" = ${person.id}::uuid or "ownerTeamId" = any (${[...person.teamIds]}::text[]) order by "id" for share`
  const accountable = theirs.filter((agent) => agent.accountable).map(({ id }) => id)
  return [...new Set([...accountable, ...(await agentsOnceOf(ctx, person))])].toSorted()
}

async function placeOf(
  tx: Tx,
  { serverId, toolName }: { serverId: string | null; toolName: string | null },
): Promise<Pick<Bypassable['rule'], 'server' | 'tool'>> {
  if (serverId === null) return { server: null, tool: null }
  const server = await tx.mcpServer.findUnique({
    where: { id: serverId },
    select: { environment: true, tools: { where: { name: toolName ?? '' }, select: { class: true } } },
  })
  return { server, tool: server?.tools[0] ?? null }
}
