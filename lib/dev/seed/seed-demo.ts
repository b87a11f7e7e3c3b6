import type { Ctx } from '#lib/auth/ctx.ts'
import { seedPriceBook } from '#lib/metrics/commands.ts'
import { syncTemplates } from '#lib/templates/commands.ts'
import { type FleetOutcome, seedFleet } from './seed-fleet.ts'
import { seedPeople } from './seed-people.ts'
import { seedServers, type ServerOptions } from './servers.ts'

export type SeedOutcome = FleetOutcome & { people: number }

/**
 * Brings the demo organization into the database, all of it marked as demo. Running it again changes nothing that is there, whatever people
 * did to it since; it only follows changed ports and credentials and goes on with the history of agents that are still active.
 */
export async function seedDemo(ctx: Ctx, options: ServerOptions & { templatesFolder: string }): Promise<SeedOutcome> {
  await seedPriceBook(ctx)
  await syncTemplates(ctx, { folder: options.templatesFolder })
  const people = await seedPeople(ctx)
  await seedServers(ctx, options)
  return { people, ...(await seedFleet(ctx)) }
}
