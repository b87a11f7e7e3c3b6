import type { Db } from '#lib/db/client.ts'
import { startTestMcpServer, type TestMcpServer } from './mcp-server.ts'
import { startWorld, type World } from './world.ts'

// Fixtures of a test file: its tests share them and run in order.

type Cleanup = { onCleanup(work: () => Promise<void>): void }

/** A running embedded server with a scripted model. */
export async function worldFixture({ db }: { db: Db }, { onCleanup }: Cleanup): Promise<World> {
  const world = await startWorld(db)
  onCleanup(world.stop)
  return world
}

/** A real MCP server that lets the token `first-token` in. */
export async function mcpFixture({}, { onCleanup }: Cleanup): Promise<TestMcpServer> {
  const mcp = await startTestMcpServer('first-token')
  onCleanup(mcp.stop)
  return mcp
}
