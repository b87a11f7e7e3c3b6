import type { z } from 'zod'
import type { Ctx } from '#lib/auth/ctx.ts'
import type { BrokerLimits } from '#lib/guardrails/rules/request-limits.ts'
import type { Permission } from '#lib/auth/permissions.ts'

/** What a tool says: `structured` is its output schema's, `text` the same for clients that show no structured content. */
export type RegistryAnswer<O extends z.ZodType> = { structured: z.input<O>; text: string }

/** One question that the registry answers. All of them read only, and none sees more than the page, REST or CLI would show. */
export type RegistryTool = {
  name: string
  title: string
  /** For the model that chooses: when to ask it, and what it does not say. */
  description: string
  permission: Permission
  input: z.ZodObject
  output: z.ZodObject
  /** The agent it is about, for the audit log. */
  agentOf: (input: Record<string, unknown>) => string | undefined
  run: (
    ctx: Ctx,
    input: Record<string, unknown>,
    brokers: BrokerLimits,
  ) => Promise<{ structured: Record<string, unknown>; text: string }>
}

/** Keeps input and output of a tool to its schemas; the table of tools forgets them. */
export function registryTool<I extends z.ZodObject, O extends z.ZodObject>(
  tool: Pick<RegistryTool, 'name' | 'title' | 'description' | 'permission'> & {
    input: I
    output: O
    agentOf?: (input: z.output<I>) => string | undefined
    run: (ctx: Ctx, input: z.output<I>, brokers: BrokerLimits) => Promise<RegistryAnswer<O>>
  },
): RegistryTool {
  const { agentOf, run, ...rest } = tool
  return {
    ...rest,
    agentOf: (input) => agentOf?.(input as z.output<I>),
    run: (ctx, input, brokers) => run(ctx, input as z.output<I>, brokers),
  }
}
