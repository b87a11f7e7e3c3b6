import { Client, InMemoryTransport } from '@modelcontextprotocol/client'
import type { DemoServerEntry } from './catalog.ts'
import { createToolServer, type Handlers, type ToolSpecs } from './tool.ts'

/** A demo server's tools exactly as it lists them over MCP, without starting it. */
export async function listDemoTools(entry: DemoServerEntry) {
  const server = createToolServer({ ...entry, handlers: unused(entry.tools) })
  const client = new Client({ name: 'demo-catalog', version: '1.0.0' })
  const [ours, theirs] = InMemoryTransport.createLinkedPair()
  await Promise.all([server.connect(theirs), client.connect(ours)])
  try {
    return (await client.listTools()).tools
  } finally {
    await client.close()
  }
}

function unused(tools: ToolSpecs): Handlers<ToolSpecs> {
  const refuse = () => Promise.reject(new Error('This server only lists its tools.'))
  return Object.fromEntries(Object.keys(tools).map((name) => [name, refuse]))
}
