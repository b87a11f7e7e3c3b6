import type { Tx } from '#lib/db/client.ts'
import { type Channel, defaultMode, type Kind, type Mode, modesOf } from '../schema/kinds.ts'
import type { Person } from './recipients.ts'

/** How people want to be told, as their roles have it and as they chose. */
export type Wishes = {
  modeOf(person: Person, kind: Kind, channel: Channel): Mode
  slackOf(personId: string): string | null
}

/** Reads it for everybody who is told of something now. A choice that is not offered any more counts as not made. */
export async function readWishes(tx: Tx, personIds: readonly string[]): Promise<Wishes> {
  const ids = [...personIds]
  const rows = await tx.notificationPreference.findMany({ where: { personId: { in: ids } } })
  const channels = await tx.notificationChannel.findMany({
    where: { personId: { in: ids }, enabled: true },
    select: { id: true, personId: true },
  })
  const chosen = new Map(rows.map((row) => [`${row.personId} ${row.kind} ${row.channel}`, row.mode]))
  const slack = new Map(channels.map(({ id, personId }) => [personId, id]))
  return {
    modeOf(person, kind, channel) {
      const wanted = chosen.get(`${person.id} ${kind} ${channel}`)
      return (
        modesOf(kind, channel, person.permissions).find((mode) => mode === wanted) ??
        defaultMode(kind, channel, person.roles)
      )
    },
    slackOf: (personId) => slack.get(personId) ?? null,
  }
}
