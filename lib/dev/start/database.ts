import { join } from 'node:path'
import { ensureDatabase, startPostgres, type PostgresServer } from '#lib/dev/postgres/server.ts'
import type { Output } from './output.ts'
import type { Reaper } from './reaper.ts'
import { restartDelay } from './supervised.ts'

export type EmbeddedDatabase = { url: string; folder: string; stop(): Promise<void>; kill(): void }

/** The embedded PostgreSQL with the database `wheelhouse`, started again with growing pauses whenever it ends by itself. */
export async function startEmbeddedDatabase(options: {
  home: string
  port: number
  password: string
  output: Output
  reaper: Reaper
}): Promise<EmbeddedDatabase> {
  let server: PostgresServer
  let stopping = false
  let failures = 0

  async function launch(): Promise<void> {
    server = await startPostgres({
      folder: join(options.home, 'postgres'),
      port: options.port,
      password: options.password,
      durable: true,
      onOutput: (line) => options.output.line(line),
    })
    const { pid } = server.process
    if (pid) options.reaper.watch(pid, 'postgres')
    server.process.once('close', (code, signal) => {
      if (pid) options.reaper.forget(pid)
      if (!stopping) relaunch(signal ?? `code ${code}`)
    })
  }

  function relaunch(how: string): void {
    failures += 1
    const delay = restartDelay(failures)
    options.output.line(`ended (${how}), starts again in ${delay / 1000} s`)
    setTimeout(() => {
      if (stopping) return
      launch().then(
        () => (failures = 0),
        (error: unknown) => relaunch(String(error)),
      )
    }, delay)
  }

  await launch()
  await ensureDatabase(server!, 'wheelhouse')
  return {
    url: server!.url('wheelhouse'),
    folder: server!.folder,
    async stop() {
      stopping = true
      await server.stop()
    },
    kill() {
      stopping = true
      server.process.kill('SIGQUIT')
    },
  }
}
