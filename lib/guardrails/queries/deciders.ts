import { type Actor, type Ctx, reader } from '#lib/auth/ctx.ts'
import { pastOwners } from '#lib/registry/queries.ts'
import { driverIdOf } from './drivers.ts'
import { writersOf } from './writers.ts'
import { heldDecidability } from '../rules/held-calls.ts'

type Person = Extract<Actor, { kind: 'person' }>

/** Who of these people may decide a held call now, by the same rule as the command; nobody when it waits no more. Callers authorize. */
export async function whoMayDecide(
  ctx: Ctx,
  { heldCallId, people }: { heldCallId: string; people: readonly Person[] },
): Promise<Person[]> {
  const db = reader(ctx)
  const row = await db.heldCall.findUnique({
    where: { id: heldCallId },
    select: {
      state: true,
      source: true,
      expiresAt: true,
      deciderRoles: true,
      excludedDeciders: true,
      class: true,
      runId: true,
      startedById: true,
      drivenById: true,
      drivenBySubject: true,
      agentId: true,
      agentVersion: true,
      agent: { select: { accountablePersonId: true, ownerTeam: { select: { id: true, name: true } } } },
    },
  })
  if (row?.state !== 'waiting') return []
  const run = row.runId ? await db.run.findUnique({ where: { id: row.runId }, select: { requestedById: true } }) : null
  const call = {
    ...row,
    agent: { ...row.agent, past: await pastOwners(ctx, row.agentId) },
    source: row.source as 'broker' | 'claude',
    decidedByName: null,
    starterIds: [row.startedById, await driverIdOf(db, row), run?.requestedById ?? null],
    writerIds: await writersOf(db, row),
  }
  return people.filter((person) => heldDecidability(person, call, ctx.now).ok)
}
