import type { Db, Tx } from '#lib/db/client.ts'
import type { HeldDriver } from '../rules/drivers.ts'

/** Who the person is that the client of a held call acts for, also when they signed in here after it was held; null: nobody here. */
export async function driverIdOf(db: Db | Tx, row: HeldDriver): Promise<string | null> {
  return (await driverIdsOf(db, [row]))(row)
}

/** The same of many. */
export async function driverIdsOf(
  db: Db | Tx,
  rows: readonly HeldDriver[],
): Promise<(row: HeldDriver) => string | null> {
  const subjects = [...new Set(rows.flatMap(({ drivenBySubject }) => drivenBySubject ?? []))]
  const people =
    subjects.length === 0
      ? []
      : await db.person.findMany({ where: { subject: { in: subjects } }, select: { id: true, subject: true } })
  const known = new Map(people.map(({ id, subject }) => [subject, id]))
  return ({ drivenById, drivenBySubject }) => drivenById ?? known.get(drivenBySubject) ?? null
}
