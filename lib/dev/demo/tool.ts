import { McpServer } from '@modelcontextprotocol/server'
import type { z } from 'zod'

/** A tool as declared: its class decides the annotations that the registry reads. */
export type ToolSpec<I extends z.ZodType = z.ZodType, O extends z.ZodType = z.ZodType> = {
  class: 'read' | 'write' | 'destructive'
  title: string
  description: string
  input: I
  output: O
}
export type ToolSpecs = Record<string, ToolSpec>

/** One handler a declared tool; a tool without one does not compile. */
export type Handlers<T extends ToolSpecs> = {
  [K in keyof T]: (input: z.output<T[K]['input']>) => Promise<z.input<T[K]['output']>>
}

/** Thrown by a handler for what the caller can correct; reaches the model as a tool error with this text. */
export class ToolRefusal extends Error {
  override readonly name = 'ToolRefusal'
}

export function toolSpec<I extends z.ZodType, O extends z.ZodType>(spec: ToolSpec<I, O>): ToolSpec<I, O> {
  return spec
}

export type DemoServerParts<T extends ToolSpecs = ToolSpecs> = {
  id: string
  name: string
  description: string
  tools: T
  handlers: Handlers<T>
}

/** A fresh MCP server over the handlers: one for each request, because the entry is stateless. */
export function createToolServer(parts: DemoServerParts): McpServer {
  const server = new McpServer(
    { name: parts.id, title: parts.name, version: '1.0.0' },
    { instructions: `${parts.description} (demo data)` },
  )
  for (const [name, spec] of Object.entries(parts.tools)) {
    const handler = parts.handlers[name] as (input: unknown) => Promise<Record<string, unknown>>
    server.registerTool(
      name,
      {
        title: spec.title,
        description: spec.description,
        inputSchema: spec.input,
        outputSchema: spec.output,
        annotations: annotationsOf(spec),
      },
      async (input: unknown) => {
        try {
          const output = await handler(input)
          return { content: [{ type: 'text', text: JSON.stringify(output) }], structuredContent: output }
        } catch (error) {
          if (!(error instanceof ToolRefusal)) throw error
          return { content: [{ type: 'text', text: error.message }], isError: true }
        }
      },
    )
  }
  return server
}

function annotationsOf(spec: ToolSpec) {
  return {
    title: spec.title,
    readOnlyHint: spec.class === 'read',
    destructiveHint: spec.class === 'destructive',
    idempotentHint: spec.class === 'read',
    openWorldHint: false,
  }
}
