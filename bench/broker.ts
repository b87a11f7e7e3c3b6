// npm run bench:broker: what a call costs through the broker. bench/README.md says how it is measured.
import { parseArgs } from 'node:util'
import { compare, heading } from './compare.ts'
import { residentMb } from './cpu.ts'
import { fixedRate } from './fixed-rate.ts'
import { soak } from './soak.ts'
import { startWorld } from './world.ts'

const { values } = parseArgs({
  // `--soak` alone means ten minutes.
  args: process.argv
    .slice(2)
    .map((word, at, words) => (word === '--soak' && !/^\d/.test(words[at + 1] ?? '') ? '--soak=10' : word)),
  options: {
    seconds: { type: 'string', default: '2' },
    rounds: { type: 'string', default: '5' },
    'warm-up': { type: 'string', default: '30' },
    rate: { type: 'string', default: '200' },
    soak: { type: 'string' },
    agents: { type: 'string', default: '1000' },
    'soak-rate': { type: 'string', default: '50' },
    only: { type: 'string' },
    against: { type: 'string' },
  },
})
const seconds = Number(values.seconds)
const rounds = Number(values.rounds)
const missed: string[] = []
const print = (line: string): void => void process.stdout.write(`${line}\n`)

const world = await startWorld({ against: values.against })
// Whoever breaks it off leaves no broker and no database behind.
for (const signal of ['SIGINT', 'SIGTERM'] as const)
  process.once(signal, () => void world.stop().finally(() => process.exit(1)))
try {
  if (values.soak) {
    await soak(world, {
      minutes: Number(values.soak),
      agents: Number(values.agents),
      perSecond: Number(values['soak-rate']),
      print,
    })
  } else {
    print(heading)
    for (const revision of ['2026-07-28', '2025-11-25'] as const) {
      let warmUp = Number(values['warm-up'])
      for (const work of ['small', 'large', 'list'] as const) {
        for (const users of [1, 16, 64]) {
          if (values.only && !`${revision} ${work} ${users}`.includes(values.only)) continue
          const { lines, missed: below } = await compare(world, { revision, work, users, warmUp, seconds, rounds })
          for (const line of lines) print(line)
          missed.push(...below)
          // With other users or results, other ways of the code are taken: they are compiled within seconds.
          warmUp = Math.min(warmUp, Number(values['warm-up']) / 5)
        }
      }
    }
    if (!values.only) {
      print(`\nsmall calls of 2026-07-28 at ${values.rate} a second, times from when each was due`)
      for (const line of await fixedRate(world, { perSecond: Number(values.rate), seconds: 2 * seconds, rounds }))
        print(line)
    }
  }
  for (const what of missed) print(`below its bar: ${what}`)
  if (missed.length > 0) process.exitCode = 1
  print(`broker memory ${residentMb(world.pids.broker).toFixed(0)} MiB`)
} finally {
  await world.stop()
}
