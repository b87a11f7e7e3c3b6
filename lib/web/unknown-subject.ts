import type { UnknownSubject } from '#lib/auth/commands/agent-tokens.ts'
import { type Ctx, systemActor } from '#lib/auth/ctx.ts'
import { noteUnregistered } from '#lib/registry/commands.ts'

/** Keeps whom a trusted issuer vouches for and no agent stands for among what waits to be registered. */
export async function noteUnknownSubject(ctx: Ctx, unknown: UnknownSubject): Promise<void> {
  const own = { ...ctx, actor: systemActor('portal') }
  const { issuer } = unknown
  if (unknown.kind === 'claude_agent') {
    const { agent } = unknown
    const detail = { issuer, seen: 'It asked the token endpoint for a token.' }
    await noteUnregistered(own, [{ source: 'claude', key: agent, name: agent, verified: true, detail, acted: true }])
    return
  }
  const { subject, clientId } = unknown
  const detail = { issuer, subject, client: clientId }
  const key = `${issuer} ${subject}`
  await noteUnregistered(own, [{ source: 'token_endpoint', key, name: subject, verified: true, detail }])
}
