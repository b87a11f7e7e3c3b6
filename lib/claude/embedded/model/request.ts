import { z } from 'zod'
import type { SimulationBlock, SimulationConversation } from '#lib/templates/schema.ts'

/** Of a Messages API request only what a script reads; everything else is let through. */
export const messagesRequest = z.looseObject({
  model: z.string().min(1),
  max_tokens: z.int().positive(),
  stream: z.boolean().optional(),
  system: z.union([z.string(), z.array(z.looseObject({ type: z.literal('text'), text: z.string() }))]).optional(),
  messages: z
    .array(
      z.looseObject({
        role: z.string(),
        content: z.union([z.string(), z.array(z.looseObject({ type: z.string() }))]),
      }),
    )
    .min(1),
  tools: z.array(z.looseObject({ name: z.string(), description: z.string().optional() })).default([]),
})

export type MessagesRequest = z.output<typeof messagesRequest>

export function toConversation(request: MessagesRequest): SimulationConversation {
  return {
    system: systemOf(request),
    messages: request.messages.map(({ role, content }) => ({
      role,
      content: typeof content === 'string' ? content : (content as SimulationBlock[]),
    })),
    tools: request.tools.map(({ name, description }) => ({ name, description })),
  }
}

export function systemOf({ system }: Pick<MessagesRequest, 'system'>): string {
  return typeof system === 'string' ? system : (system ?? []).map((block) => block.text).join('\n')
}

/** English and JSON come to about this many characters a token. */
const charsPerToken = 3.7

/** What a model would have metered, estimated from the lengths: nothing is random, so the same run costs the same. */
export function inputTokensOf(request: MessagesRequest): number {
  return (
    tokensOf(systemOf(request)) + tokensOf(JSON.stringify(request.tools)) + tokensOf(JSON.stringify(request.messages))
  )
}

export function tokensOf(text: string): number {
  return Math.max(1, Math.ceil(text.length / charsPerToken))
}
