import type { Db, Tx } from '#lib/db/client.ts'
import type { Prisma } from '#lib/db/generated/client.ts'

type OfVersion = { agentId: string; agentVersion: number }

/** Who wrote the version that runs: whoever last changed its prompt, its parameters or its template, up to it. */
export async function writersOf(db: Db | Tx, row: OfVersion): Promise<readonly string[]> {
  return (await writersOfMany(db, [row]))(row)
}

/** The same of many. */
export async function writersOfMany(
  db: Db | Tx,
  rows: readonly OfVersion[],
): Promise<(row: OfVersion) => readonly string[]> {
  const keys = new Map(rows.map((row) => [keyOf(row), { agentId: row.agentId, version: row.agentVersion }]))
  const versions =
    keys.size === 0
      ? []
      : await db.agentVersion.findMany({
          where: { OR: [...keys.values()] },
          select: { agentId: true, version: true, promptById: true, parametersById: true, templateById: true },
        })
  const known = new Map(
    versions.map(({ agentId, version, promptById, parametersById, templateById }) => [
      keyOf({ agentId, agentVersion: version }),
      [promptById, parametersById, templateById].filter((id) => id !== null),
    ]),
  )
  return (row) => known.get(keyOf(row)) ?? []
}

/** The versions that somebody wrote, of agents that a call waits of. */
export async function waitingVersionsBy(db: Db | Tx, personId: string): Promise<OfVersion[]> {
  const by: Prisma.AgentVersionWhereInput[] = [
    { promptById: personId },
    { parametersById: personId },
    { templateById: personId },
  ]
  const versions = await db.agentVersion.findMany({
    where: { OR: by, agent: { heldCalls: { some: { state: 'waiting' } } } },
    orderBy: [{ agentId: 'asc' }, { version: 'desc' }],
    take: 1000,
    select: { agentId: true, version: true },
  })
  return versions.map(({ agentId, version }) => ({ agentId, agentVersion: version }))
}

function keyOf({ agentId, agentVersion }: OfVersion): string {
  return `${agentVersion} ${agentId}`
}
