import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import type { Db } from '#lib/db/client.ts'
import { installProgram } from '../demo/install-program.ts'

export const stdioKey = randomBytes(32).toString('base64')

/** Puts the program of a test server where the sandbox service looks for it: `steady` (`modern` or `legacy`) and `wild`. */
export async function installStdioServer(home: string, serverId: string): Promise<void> {
  const files = ['steady', 'wild'].map((name) => join(import.meta.dirname, 'stdio', `${name}.ts`))
  await installProgram({ home, serverId, files })
}

/** Registers it. */
export async function makeStdioServer(
  db: Db,
  server: {
    id: string
    args: string[]
    env?: string[]
    boundary?: 'server' | 'team' | 'agent'
    demo?: boolean
    callDeadlineSeconds?: number
  },
): Promise<void> {
  const { id, args, env = [], boundary = 'server', demo = true, callDeadlineSeconds = null } = server
  const rest = { name: id, description: '', environment: 'staging', sensitivity: 'internal' } as const
  const command = { command: 'node', args, env }
  await db.mcpServer.create({
    data: { id, url: '', transport: 'stdio', command, boundary, demo, callDeadlineSeconds, ...rest },
  })
}
