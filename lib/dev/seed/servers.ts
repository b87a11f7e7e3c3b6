import { type Ctx, inTx } from '#lib/auth/ctx.ts'
import { sealContexts } from '#lib/core/seal-contexts.ts'
import type { SecretBox } from '#lib/core/secret-box.ts'
import type { Tx } from '#lib/db/client.ts'
import { recordServerTools, registerServer, setServerCredential, updateServer } from '#lib/registry/commands.ts'
import { z } from 'zod'
import { type ListedTool, listedTool } from '#lib/registry/schema.ts'
import { type DemoServerEntry, demoServerEntries } from '../demo/catalog.ts'
import { listDemoTools } from '../demo/list-tools.ts'

export type ServerOptions = { host: string; port: number; token: string; secretBox: SecretBox }

/** Registers the demo MCP servers with their tools and credentials; a later seeding only follows a changed port or credential. */
export async function seedServers(ctx: Ctx, options: ServerOptions): Promise<void> {
  for (const entry of demoServerEntries) {
    const tools = await listDemoTools(entry)
    await inTx(ctx, async (tx, ctx) => {
      await tx.$executeRaw`select pg_advisory_xact_lock(hashtext('demo_seed'))`
      await seedServer({ ...ctx, tx }, { ...options, entry, tools })
    })
  }
}

async function seedServer(
  ctx: Ctx & { tx: Tx },
  options: ServerOptions & { entry: DemoServerEntry; tools: unknown },
): Promise<void> {
  const { id, name, description, environment, sensitivity, dataClasses, portOffset } = options.entry
  const url = `http://${reachable(options.host)}:${options.port + portOffset}/mcp`
  const known = await ctx.tx.mcpServer.findUnique({
    where: { id },
    select: { demo: true, credentials: { where: { teamId: null }, select: { ciphertext: true } } },
  })
  // Somebody may have registered a server of their own under this name: it is theirs.
  if (known && !known.demo) return
  if (known) await updateServer(ctx, { id, url })
  else {
    await registerServer(ctx, {
      id,
      name,
      description: `${description} (demo data).`,
      transport: 'http',
      url,
      environment,
      sensitivity,
      dataClasses: [...dataClasses],
      acknowledged: [],
    })
    await ctx.tx.mcpServer.update({ where: { id }, data: { demo: true } })
  }
  const credential = known?.credentials[0]
  if (!credential || !(await opensTo(credential.ciphertext, { ...options, serverId: id }))) {
    const input = { serverId: id, teamId: null, kind: 'bearer' as const, secret: options.token }
    await setServerCredential(ctx, { input, secretBox: options.secretBox })
  }
  // Parsed for its shape, recorded as listed: what the broker finds later must be the same definition, or it would be quarantined as changed.
  z.array(listedTool).parse(options.tools)
  const tools = options.tools as ListedTool[]
  await recordServerTools(ctx, { serverId: id, tools, newToolState: 'approved', seenBy: 'demo data' })
}

/** An address to connect to, for one to listen on. */
function reachable(host: string): string {
  if (host === '0.0.0.0' || host === '::') return '127.0.0.1'
  return host.includes(':') && !host.startsWith('[') ? `[${host}]` : host
}

async function opensTo(
  ciphertext: Uint8Array,
  options: { secretBox: SecretBox; serverId: string; token: string },
): Promise<boolean> {
  try {
    return (
      (await options.secretBox.open(ciphertext, sealContexts.upstreamCredential(options.serverId))) === options.token
    )
  } catch {
    return false
  }
}
