import { Writable } from 'node:stream'
import type { Db } from '#lib/db/client.ts'
import { freePort } from '#lib/dev/ports.ts'
import { encryptionKey, portalUrl } from '#lib/dev/test/broker.ts'
import { ctxFor, makePerson } from '#lib/dev/test/fleet.ts'
import { startOtlpReceiver } from '#lib/dev/test/otlp-receiver.ts'
import { createKeyring } from '#lib/keys/commands.ts'
import { createLog } from '#lib/log/log.ts'
import { getServer, getTool, listServers } from '#lib/registry/queries.ts'
import { Broker } from '../broker.ts'
import { startTracing } from '../telemetry/tracing.ts'

/** A broker of whose log, spans and metrics every word is kept. */
export async function startWatched({ db, databaseUrl }: { db: Db; databaseUrl: string }) {
  const lines: string[] = []
  const destination = new Writable({
    write(chunk: Buffer, _, done) {
      lines.push(chunk.toString())
      done()
    },
  })
  const mended = watchConsole(lines)
  const receiver = await startOtlpReceiver()
  const tracing = startTracing({ endpoint: receiver.url, headers: {}, share: 1, instance: 'test:1' })
  const port = await freePort()
  const url = `http://127.0.0.1:${port}`
  const keys = [{ driver: 'environment' as const, key: encryptionKey }]
  const config = {
    databaseUrl,
    host: '127.0.0.1',
    port,
    brokerUrl: url,
    url: portalUrl,
    keys,
    stdio: null,
    demo: true,
    allowLinkLocal: false,
    logLevel: 'trace' as const,
    graceMs: 1000,
    limits: {},
  }
  const log = createLog({ process: 'broker', level: 'trace', destination })
  const broker = new Broker({ config, db, log, tracer: tracing, keyring: createKeyring(keys, db) })
  await broker.start()
  let stopped = false
  const served = async (path: string) => await (await fetch(url + path)).text()
  return {
    broker,
    url,
    lines,
    spans: receiver.bodies,
    /** What it serves to whoever operates it. */
    metrics: async () => [await served('/metrics'), await served('/readyz')],
    async stop() {
      if (stopped) return
      stopped = true
      await broker.stop()
      await tracing.stop()
      await receiver.stop()
      mended()
    },
  }
}

/** Every row of every table, as text. */
export async function everyRow(db: Db): Promise<string[]> {
  const tables = await db.$queryRaw<{ name: string }[]>`
    select format('%I.%I', table_schema, table_name) as name from information_schema.tables
    where table_type = 'BASE TABLE' and table_schema not in ('pg_catalog', 'information_schema')`
  const rows: string[] = []
  for (const { name } of tables) {
    const found = await db.$queryRawUnsafe<{ row: string }[]>(`select to_jsonb(t)::text as row from ${name} t`)
    rows.push(...found.map(({ row }) => row))
  }
  return rows
}

/** What pages and API show of servers. */
export async function viewsOf(db: Db, serverIds: readonly string[]): Promise<string[]> {
  const reader = ctxFor(db, await makePerson(db, { roles: ['security'] }))
  const views: unknown[] = [await listServers(reader)]
  for (const id of serverIds) {
    const server = await getServer(reader, id)
    views.push(server)
    for (const { name } of server.toolList) views.push(await getTool(reader, { serverId: id, name }))
  }
  return views.map((view) => JSON.stringify(view))
}

/** Where one of the secrets stands after all, in any of the forms a text may have it in. */
export function secretsFound(
  places: Readonly<Record<string, readonly string[]>>,
  secrets: Readonly<Record<string, string>>,
): { place: string; secret: string; text: string }[] {
  return Object.entries(secrets).flatMap(([name, secret]) => {
    const forms = [
      secret,
      quoted(secret),
      quoted(quoted(secret)),
      encodeURIComponent(secret),
      ...(['base64', 'base64url'] as const).flatMap((encoding) =>
        [0, 1, 2].map((before) => within(secret, encoding, before)),
      ),
      Buffer.from(secret).toString('hex'),
      Buffer.from(secret).toString('hex').toUpperCase(),
    ]
    const isIn = (text: string) => forms.some((form) => text.includes(form) || text.includes(quoted(form)))
    return Object.entries(places).flatMap(([place, texts]) =>
      texts.filter(isIn).map((text) => ({ place, secret: name, text: text.slice(0, 2000) })),
    )
  })
}

/** What an encoding shows of a secret alone, after so many bytes of something else. */
function within(secret: string, encoding: 'base64' | 'base64url', before: number): string {
  const encoded = Buffer.from(`${'x'.repeat(before)}${secret}`).toString(encoding)
  return encoded.replace(/=+$/, '').slice(4, -4)
}

/** Libraries write there. Returns what ends it. */
function watchConsole(lines: string[]): () => void {
  const { log, info, warn, error, debug } = console
  const write = (...words: unknown[]): void => void lines.push(words.map(String).join(' '))
  Object.assign(console, { log: write, info: write, warn: write, error: write, debug: write })
  return () => void Object.assign(console, { log, info, warn, error, debug })
}

function quoted(text: string): string {
  return JSON.stringify(text).slice(1, -1)
}
