// npm run seed -- fleet --agents N --seed S: a large, deterministic fleet in the database of DATABASE_URL, else of the data folder.
import { parseArgs } from 'node:util'
import { findDatabase } from '#lib/api/cli/local-database.ts'
import { parseCliConfig } from '#lib/config/cli.ts'
import { seedLargeFleet } from './large/seed-large.ts'

const usage = 'Use: npm run seed -- fleet --agents <number> [--seed <number>]'

try {
  const { positionals, values } = parseArgs({
    allowPositionals: true,
    options: { agents: { type: 'string' }, seed: { type: 'string', default: '1' } },
  })
  const [agents, seed] = [Number(values.agents), Number(values.seed)]
  if (positionals[0] !== 'fleet' || !Number.isInteger(agents) || agents < 1 || !Number.isInteger(seed))
    throw new Error(usage)
  const databaseUrl = await findDatabase(parseCliConfig())
  if (!databaseUrl) throw new Error('Set DATABASE_URL, or start Wheelhouse first: its database was not found.')
  const outcome = await seedLargeFleet({
    databaseUrl,
    agents,
    seed,
    now: new Date(),
    onProgress: (said) => console.log(said),
  })
  console.log(
    `${outcome.agents} agents, ${outcome.grants} grants, ${outcome.days} days loaded in ${outcome.seconds.toFixed(1)} s`,
  )
} catch (error) {
  console.error(error instanceof Error ? error.message : error)
  process.exitCode = 1
}
