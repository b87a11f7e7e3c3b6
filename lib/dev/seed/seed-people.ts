import { recordAudit } from '#lib/audit/commands.ts'
import { personas } from '#lib/auth/personas.ts'
import { type Ctx, inTx } from '#lib/auth/ctx.ts'
import type { Tx } from '#lib/db/client.ts'
import { demoDelegation, demoPeople, demoTeams } from './organization.ts'

/** Adds the teams and people that are missing; returns how many people were. What was changed about the others stays. */
export async function seedPeople(ctx: Ctx): Promise<number> {
  return inTx(ctx, async (tx, ctx) => {
    await tx.$executeRaw`select pg_advisory_xact_lock(hashtext('demo_seed'))`
    const teams = await tx.team.createManyAndReturn({
      data: demoTeams.map((team) => ({ ...team, demo: true, createdAt: ctx.now })),
      skipDuplicates: true,
      select: { id: true, name: true, costCenter: true },
    })
    const known = new Set((await tx.person.findMany({ select: { id: true } })).map(({ id }) => id))
    const fresh = demoPeople.filter((person) => !known.has(person.id))
    const isPersona = (id: string) => personas.some((persona) => persona.id === id)
    await tx.person.createMany({
      data: fresh.map(({ id, name, email, active }) => {
        const source = isPersona(id) ? 'demo' : 'local'
        return { id, name, email, active, source, demo: true, createdAt: ctx.now }
      }),
    })
    await tx.personRole.createMany({
      data: fresh.flatMap(({ id, roles }) =>
        roles.map((role) => ({ personId: id, role, source: 'demo', createdAt: ctx.now })),
      ),
    })
    await tx.teamMember.createMany({ data: fresh.map(({ id, teamId, lead }) => ({ personId: id, teamId, lead })) })
    for (const { id, name, costCenter } of teams) {
      recordAudit(tx, ctx, {
        event: 'team.created',
        subject: { kind: 'team', id, name },
        teamId: id,
        detail: { costCenter },
      })
    }
    for (const { id, name, email } of fresh) {
      const detail = { email, source: 'demo' }
      recordAudit(tx, ctx, { event: 'person.created', subject: { kind: 'person', id, name }, detail })
    }
    if (fresh.some(({ id }) => id === demoDelegation.personId)) await standIn(tx, ctx)
    return fresh.length
  })
}

async function standIn(tx: Tx, ctx: Ctx): Promise<void> {
  const { personId, delegateId, days } = demoDelegation
  const nameOf = (id: string) => demoPeople.find((person) => person.id === id)?.name ?? id
  const endsAt = new Date(ctx.now.getTime() + days * 86_400_000)
  const reason = 'On leave.'
  const { id: delegationId } = await tx.delegation.create({
    data: { personId, delegateId, startsAt: ctx.now, endsAt, reason, createdAt: ctx.now },
    select: { id: true },
  })
  const times = { startsAt: ctx.now.toISOString(), endsAt: endsAt.toISOString() }
  const detail = { delegationId, personId, delegateId, delegateName: nameOf(delegateId), ...times, reason }
  const subject = { kind: 'person', id: personId, name: nameOf(personId) }
  recordAudit(tx, ctx, { event: 'delegation.created', subject, detail })
}
