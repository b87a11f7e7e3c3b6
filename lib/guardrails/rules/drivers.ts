import type { Driver } from './facts.ts'

/** Whom the client of a held call acts for, as its row says: a person, or the subject of somebody who had never signed in here. Both null: nobody. */
export type HeldDriver = { drivenById: string | null; drivenBySubject: string | null }

/** Of an older token, which does not say which subject: nobody signs in under it. */
const unnamed = 'unknown'

export function driverColumns(driver: Driver | null): HeldDriver {
  if (driver === null) return { drivenById: null, drivenBySubject: null }
  const { personId, subject = unnamed } = driver
  return { drivenById: personId, drivenBySubject: personId === null ? subject : null }
}

/** null: it acts for nobody. */
export function driverOf({ drivenById, drivenBySubject }: HeldDriver): Driver | null {
  return drivenById === null && drivenBySubject === null ? null : { personId: drivenById }
}
