import type { Ctx } from '#lib/auth/ctx.ts'
import type { Tx } from '#lib/db/client.ts'
import {
  columnOf,
  type GuardingSettings,
  looserSettings,
  namedIn,
  type StandardPace,
} from '../rules/loosened-settings.ts'
import { proposeLoosening, replaceLoosenings } from './loosenings.ts'
import { lockServer } from './server-lock.ts'

/**
 * Proposes what of a change loosens the guards, the pace or the boundary of a server, and returns the rest, to be done at once; what was proposed of a setting that is set otherwise ends.
 * Our own processes loosen nothing that a person could not. Part of a command that has authorized; locks the server, throws `not_found`.
 */
export async function holdBackSettings<Wanted extends Partial<GuardingSettings>>(
  tx: Tx,
  ctx: Ctx,
  { serverId, wanted, standard = null }: { serverId: string; wanted: Wanted; standard?: StandardPace | null },
): Promise<{ settings: Partial<Wanted>; waits: boolean }> {
  const server = await lockServer(tx, serverId)
  if (ctx.actor.kind !== 'person') return { settings: wanted, waits: false }
  const settings: Partial<Wanted> = { ...wanted }
  const looser = looserSettings(server, wanted, standard)
  for (const what of namedIn(wanted)) {
    const one = looser.find((each) => each.what === what)
    if (one) {
      await proposeLoosening(tx, ctx, server, { ...one, toolName: null, reason: null })
      delete settings[columnOf(what)]
    } else await replaceLoosenings(tx, ctx, server, { what, toolName: null })
  }
  return { settings, waits: looser.length > 0 }
}
