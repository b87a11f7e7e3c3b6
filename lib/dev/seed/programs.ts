import { join } from 'node:path'
import { type Ctx, inTx } from '#lib/auth/ctx.ts'
import { registerServer } from '#lib/registry/commands.ts'
import { registerServerInput } from '#lib/registry/schema.ts'
import { installProgram } from '../demo/install-program.ts'

const workdays = {
  id: 'workdays',
  name: 'Workdays',
  description: 'Counts workdays; a program that the sandbox service runs (demo data).',
  environment: 'staging',
  sensitivity: 'public',
  transport: 'stdio',
  command: { command: 'node', args: ['workdays.ts'] },
} as const

/**
 * Registers the demo MCP server over stdio and puts its program in place, anew each time, since it comes with the product. Where no
 * sandbox service runs there is none. A server of somebody's own under this name is theirs.
 */
export async function seedPrograms(ctx: Ctx, options: { home: string; platform: NodeJS.Platform }): Promise<void> {
  if (options.platform !== 'linux') return
  const isOurs = await inTx(ctx, async (tx, ctx) => {
    await tx.$executeRaw`select pg_advisory_xact_lock(hashtext('demo_seed'))`
    const known = await tx.mcpServer.findUnique({ where: { id: workdays.id }, select: { demo: true } })
    if (known) return known.demo
    await registerServer(ctx, registerServerInput.parse(workdays))
    await tx.mcpServer.update({ where: { id: workdays.id }, data: { demo: true } })
    return true
  })
  const files = [join(import.meta.dirname, '../demo/programs/workdays.ts')]
  if (isOurs) await installProgram({ home: options.home, serverId: workdays.id, files })
}
