import type { Ctx } from '#lib/auth/ctx.ts'
import { seedPriceBook } from '#lib/metrics/commands.ts'
import { syncTemplates } from '#lib/templates/commands.ts'
import { recordHistory } from './recorded/record-history.ts'
import { type FleetOutcome, seedFleet } from './seed-fleet.ts'
import { seedPeople } from './seed-people.ts'
import { seedServers, type ServerOptions } from './servers.ts'

export type SeedOutcome = FleetOutcome & { people: number; calls: number }

/**
 * Brings the demo organization into the database, all of it marked as demo. Running it again changes nothing that is there, whatever people
 * did to it since; it only follows changed ports and credentials and goes on with the history of agents that are still active.
 */
export async function seedDemo(ctx: Ctx, options: ServerOptions & { templatesFolder: string }): Promise<SeedOutcome> {
  await seedPriceBook(ctx)
  await syncTemplates(ctx, { folder: options.templatesFolder })
  const people = await seedPeople(ctx)
  await seedServers(ctx, options)
  const fleet = await seedFleet(ctx)
  const recorded = await recordHistory(ctx)
  const [days, runs] = [fleet.days + recorded.days, fleet.runs + recorded.runs]
  return { people, agents: fleet.agents, days, runs, calls: recorded.calls }
}
