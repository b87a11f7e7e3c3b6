import { mkdir, open, readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { DomainError } from '#lib/core/errors.ts'

/**
 * Makes this process the only sandbox service on a folder; a second one would take the first one's sandboxes for leftovers and end them.
 * The claim of a process that is gone does not count. Throws `conflict` naming the process that holds it.
 */
export async function ownFolder(folder: string): Promise<{ release(): Promise<void> }> {
  await mkdir(folder, { recursive: true, mode: 0o700 })
  const path = join(folder, 'owner')
  const own = `${process.pid} ${await startedAt(process.pid)}`
  for (let attempt = 0; attempt < 3; attempt++) {
    const file = await open(path, 'wx', 0o600).catch(() => null)
    if (file) {
      await file.writeFile(own)
      await file.close()
      return { release: () => rm(path, { force: true }) }
    }
    const holder = await readFile(path, 'utf8').catch(() => '')
    const [pid = '', since] = holder.split(' ')
    if (holder !== own && /^\d+$/.test(pid) && (await startedAt(Number(pid))) === since) {
      const message = `The sandbox service with process id ${pid} uses ${folder}. Give each service a WHEELHOUSE_HOME of its own.`
      throw new DomainError('conflict', message)
    }
    await rm(path, { force: true })
  }
  throw new DomainError('conflict', `${path} changes all the time: another sandbox service is starting.`)
}

/** When a process began, in clock ticks since boot: with its id it names one process for ever. Empty when it is gone. */
async function startedAt(pid: number): Promise<string> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '')
  // After the name, which may hold anything, the 20th field (proc(5): starttime).
  return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? ''
}
