import type { z } from 'zod'
import { isLoopback } from './shared.ts'

/** Where the processes find each other: what is set wins, else it follows from the ports on this machine. */
export function portalUrl(env: { WHEELHOUSE_URL?: string | undefined; WHEELHOUSE_PORTAL_PORT: number }): string {
  return env.WHEELHOUSE_URL ?? `http://localhost:${env.WHEELHOUSE_PORTAL_PORT}`
}

export function brokerUrl(env: { WHEELHOUSE_BROKER_URL?: string | undefined; WHEELHOUSE_BROKER_PORT: number }): string {
  return env.WHEELHOUSE_BROKER_URL ?? `http://localhost:${env.WHEELHOUSE_BROKER_PORT}`
}

export function sandboxUrl(env: {
  WHEELHOUSE_SANDBOX_URL?: string | undefined
  WHEELHOUSE_SANDBOX_PORT: number
}): string {
  return env.WHEELHOUSE_SANDBOX_URL ?? `http://127.0.0.1:${env.WHEELHOUSE_SANDBOX_PORT}`
}

/** Hosts that webhooks may reach inside; by default this machine's own, where the portal is on it too. */
export function webhookPrivateHosts(env: {
  WHEELHOUSE_WEBHOOK_PRIVATE_HOSTS?: string[] | undefined
  WHEELHOUSE_URL?: string | undefined
  WHEELHOUSE_PORTAL_PORT: number
}): readonly string[] {
  const local = isLoopback(new URL(portalUrl(env)).hostname)
  return env.WHEELHOUSE_WEBHOOK_PRIVATE_HOSTS ?? (local ? ['localhost', '127.0.0.1', '[::1]'] : [])
}

/** Which Managed Agents API is used, and what may be said about it. */
export type ClaudeAccess = {
  url: string
  apiKey: string
  /** The embedded server of this product, not Anthropic's or another. */
  embedded: boolean
  /** Answers come from scripts, not from a model: every screen says so. */
  simulatedModel: boolean
}

type ClaudeVariables = {
  WHEELHOUSE_CLAUDE_URL?: string | undefined
  WHEELHOUSE_CLAUDE_KEY?: string | undefined
  ANTHROPIC_API_KEY?: string | undefined
}

/**
 * Without WHEELHOUSE_CLAUDE_URL the embedded server of this machine, whose model is real when there is an Anthropic key. With it the
 * server there: an embedded one if only WHEELHOUSE_CLAUDE_KEY is set, else Anthropic's or one that takes the same key.
 */
export function claudeAccess(env: ClaudeVariables & { WHEELHOUSE_CLAUDE_PORT: number }): ClaudeAccess {
  const url = env.WHEELHOUSE_CLAUDE_URL ?? `http://127.0.0.1:${env.WHEELHOUSE_CLAUDE_PORT}`
  if (env.WHEELHOUSE_CLAUDE_URL && env.ANTHROPIC_API_KEY) {
    return { url, apiKey: env.ANTHROPIC_API_KEY, embedded: false, simulatedModel: false }
  }
  return { url, apiKey: env.WHEELHOUSE_CLAUDE_KEY ?? '', embedded: true, simulatedModel: !env.ANTHROPIC_API_KEY }
}

/** For `superRefine`: the key that the chosen server needs must be there. */
export function checkClaudeKey(env: ClaudeVariables, context: z.RefinementCtx): void {
  if (env.WHEELHOUSE_CLAUDE_KEY) return
  if (!env.WHEELHOUSE_CLAUDE_URL) {
    context.addIssue({
      code: 'custom',
      path: ['WHEELHOUSE_CLAUDE_KEY'],
      message: 'The embedded Claude server needs its key.',
    })
  } else if (!env.ANTHROPIC_API_KEY) {
    const message = 'WHEELHOUSE_CLAUDE_URL is set, so a key for it is needed.'
    context.addIssue({ code: 'custom', path: ['ANTHROPIC_API_KEY'], message })
  }
}
