// Runs inside the probe's sandbox: takes more than it may, to see whether a limit is real. Prints `held` when it was stopped by an error;
// being killed counts as well, and `broken` says that the limit did not hold.
import { spawn } from 'node:child_process'
import { appendFileSync } from 'node:fs'

const [kind = '', amount = '0'] = process.argv.slice(2)
const more = Number(amount)

const strains: Record<string, () => Promise<boolean>> = {
  async memory() {
    const taken: Buffer[] = []
    for (let megabytes = 0; megabytes < more; megabytes += 8) taken.push(Buffer.alloc(8 << 20, 1))
    return taken.length === 0
  },
  async processes() {
    let refused = 0
    const started = Array.from({ length: more }, () => spawn('/bin/sleep', ['5'], { stdio: 'ignore' }))
    for (const child of started) child.on('error', () => (refused += 1))
    await new Promise((resolve) => setTimeout(resolve, 200))
    for (const child of started) child.kill('SIGKILL')
    return refused > 0
  },
  async disk() {
    const megabyte = Buffer.alloc(1 << 20, 1)
    for (let megabytes = 0; megabytes < more; megabytes++) appendFileSync('strain', megabyte)
    return false
  },
}

const held = await strains[kind]!().catch(() => true)
process.stdout.write(held ? 'held' : 'broken')
process.exit(0)
