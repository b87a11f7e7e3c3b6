import { randomBytes } from 'node:crypto'
import { cp, mkdir } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import type { Db } from '#lib/db/client.ts'

export const stdioKey = randomBytes(32).toString('base64')
const modules = join(import.meta.dirname, '../../../node_modules')
const needed = ['@modelcontextprotocol/server', '@modelcontextprotocol/core', 'zod']

/** Puts the program of a test server where the sandbox service looks for it: `steady` (`modern` or `legacy`) and `wild`. */
export async function installStdioServer(home: string, id: string): Promise<void> {
  const folder = join(home, 'stdio', id)
  await mkdir(folder, { recursive: true })
  const options = { recursive: true, filter: (path: string) => !/\.(?:cjs|cts|mts|map|md)$|\/src(?:\/|$)/.test(path) }
  for (const name of needed) {
    const target = join(folder, 'node_modules', name)
    await mkdir(dirname(target), { recursive: true })
    await cp(join(modules, name), target, options)
  }
  for (const name of ['steady', 'wild']) {
    await cp(join(import.meta.dirname, 'stdio', `${name}.ts`), join(folder, `${name}.ts`))
  }
}

/** Registers it. */
export async function makeStdioServer(
  db: Db,
  server: { id: string; args: string[]; env?: string[]; boundary?: 'server' | 'team' | 'agent'; demo?: boolean },
): Promise<void> {
  const { id, args, env = [], boundary = 'server', demo = true } = server
  const rest = { name: id, description: '', environment: 'staging', sensitivity: 'internal' } as const
  const command = { command: 'node', args, env }
  await db.mcpServer.create({ data: { id, url: '', transport: 'stdio', command, boundary, demo, ...rest } })
}
