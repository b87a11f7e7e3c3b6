import { readdirSync, readFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { freePort } from '#lib/dev/ports.ts'
import { ensureDatabase, type PostgresServer, startPostgres } from '#lib/dev/postgres/server.ts'
import { fillDatabase } from './fill-database.ts'

export type DurablePostgres = {
  databaseUrl: string
  /** Its data; owned by the account it runs as. */
  folder: string
  /** SIGSTOP to every process of it: it takes connections and answers nothing. */
  freeze(): void
  thaw(): void
  /** SIGKILL to every process of it: what an out-of-memory kill or a lost machine looks like. */
  kill(): Promise<void>
  /** Asks it to end, as an administrator does. */
  end(): Promise<void>
  /** Whether it has ended by itself, or was ended. */
  hasEnded(): boolean
  /** Starts it again on the same folder and port. */
  restart(): Promise<void>
  stop(): Promise<void>
}

/** A migrated PostgreSQL of a test's own that keeps what it has committed (fsync on), to be failed in every way. Linux only. */
export async function startDurablePostgres(): Promise<DurablePostgres> {
  const folder = await mkdtemp(join(tmpdir(), 'wheelhouse-durable-'))
  const options = { folder, port: await freePort(), password: 'durable', durable: true, onOutput: () => {} }
  let server: PostgresServer = await startPostgres(options)
  await ensureDatabase(server, 'wheelhouse')
  const databaseUrl = server.url('wheelhouse')
  await fillDatabase(databaseUrl)
  const signal = (name: NodeJS.Signals) => {
    // Its processes first: else the first of them would start others.
    const pid = server.process.pid!
    for (const each of name === 'SIGCONT' ? [pid, ...childrenOf(pid)] : [...childrenOf(pid), pid]) {
      try {
        process.kill(each, name)
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error
      }
    }
  }
  return {
    databaseUrl,
    folder: server.folder,
    freeze: () => signal('SIGSTOP'),
    thaw: () => signal('SIGCONT'),
    async kill() {
      // Frozen first, so that it cannot begin to recover in between.
      signal('SIGSTOP')
      const ended = new Promise((resolve) => server.process.once('exit', resolve))
      signal('SIGKILL')
      await ended
    },
    end: () => server.stop(),
    hasEnded: () => server.process.exitCode !== null || server.process.signalCode !== null,
    async restart() {
      server = await startPostgres(options)
    },
    async stop() {
      if (server.process.exitCode === null && server.process.signalCode === null) {
        signal('SIGCONT')
        await server.stop()
      }
      await rm(server.folder, { recursive: true, force: true })
      await rm(folder, { recursive: true, force: true })
    },
  }
}

function childrenOf(parent: number): number[] {
  return readdirSync('/proc')
    .map(Number)
    .filter((pid) => pid > 0 && parentOf(pid) === parent)
}

function parentOf(pid: number): number {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1])
  } catch {
    return 0
  }
}
