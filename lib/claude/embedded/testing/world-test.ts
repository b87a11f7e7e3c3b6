import { dbTest } from '#lib/dev/test/db-test.ts'
import { startTestMcpServer, type TestMcpServer } from './mcp-server.ts'
import { startWorld, type World } from './world.ts'

/** A test with a running embedded server, a scripted model and a real MCP server; the tests of one file share them and run in order. */
export const worldTest = dbTest
  .extend('world', { scope: 'file' }, async ({ db }, { onCleanup }): Promise<World> => {
    const world = await startWorld(db)
    onCleanup(world.stop)
    return world
  })
  .extend('mcp', { scope: 'file' }, async ({}, { onCleanup }): Promise<TestMcpServer> => {
    const mcp = await startTestMcpServer('first-token')
    onCleanup(mcp.stop)
    return mcp
  })
