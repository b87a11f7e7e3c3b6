import { readFile, readdir } from 'node:fs/promises'
import { join } from 'node:path'

const schemaFolder = join(import.meta.dirname, '../../prisma/schema')

/** The SQL that makes an empty PostgreSQL equal to prisma/schema, computed offline: no database and no engine download is needed. */
export async function schemaSql(): Promise<string> {
  const engine = await openEngine()
  const result = await engine.diff({
    from: { tag: 'empty' },
    to: { tag: 'schemaDatamodel', files: await readSchema() },
    script: true,
    exitCode: null,
    filters: { externalTables: [], externalEnums: [] },
  })
  return result.stdout ?? ''
}

/** The schema files in the order Prisma lists them. */
export async function readSchema(): Promise<{ path: string; content: string }[]> {
  const names = (await readdir(schemaFolder)).filter((name) => name.endsWith('.prisma')).toSorted()
  return await Promise.all(
    names.map(async (name) => ({ path: name, content: await readFile(join(schemaFolder, name), 'utf8') })),
  )
}

async function openEngine() {
  const { SchemaEngine } = await import('@prisma/schema-engine-wasm')
  return await SchemaEngine.new({ datamodels: undefined }, () => {}, offlineAdapter())
}

/**
 * The engine insists on a connection before it compares anything, asks it for its version and creates the schema `public`; the
 * comparison itself never reads from it. So this one answers with nothing.
 */
function offlineAdapter() {
  const answer = <T>(value: T) => ({ ok: true, value })
  const connection = {
    provider: 'postgres',
    adapterName: 'offline',
    queryRaw: async () => answer({ columnNames: [], columnTypes: [], rows: [] }),
    executeRaw: async () => answer(0),
    executeScript: async () => answer(undefined),
    dispose: async () => answer(undefined),
    getConnectionInfo: () => answer({ schemaName: 'public', maxBindValues: 32_766, supportsRelationJoins: true }),
  }
  return {
    provider: 'postgres',
    adapterName: 'offline',
    connect: async () => answer(connection),
    connectToShadowDb: async () => answer(connection),
  }
}
