import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto'
import { z } from 'zod'
import type { ProcessBoundary } from './process-boundary.ts'

/** One process of a server: whose it is. `key` names it in addresses and on pages: `server`, `team:finance` or `agent:reconciler-7`. */
export type ProcessOwner = { key: string; teamId: string | null; agentId: string | null }

const ticket = z.strictObject({
  serverId: z.string().min(1).max(63),
  owner: z.strictObject({
    key: z.string().min(1).max(100),
    teamId: z.string().nullable(),
    agentId: z.string().nullable(),
  }),
  environment: z.record(z.string(), z.string()),
})
/** What the broker tells the sandbox service with every request to a server over stdio: which process, and the variables it is started with. */
export type StdioTicket = z.infer<typeof ticket>

/** Whose process serves a caller; without one (the platform itself, which lists tools) it is the server's own. */
export function ownerFor(boundary: ProcessBoundary, caller: { teamId: string; agentId: string } | null): ProcessOwner {
  if (boundary === 'server' || caller === null) return { key: 'server', teamId: null, agentId: null }
  const { teamId, agentId } = caller
  return boundary === 'team'
    ? { key: `team:${teamId}`, teamId, agentId: null }
    : { key: `agent:${agentId}`, teamId, agentId }
}

/** Of a program that is started once to be looked at; what its ticket names as the server is the probe. */
export const probeOwner: ProcessOwner = { key: 'probe', teamId: null, agentId: null }

/** What the platform itself may end a request to a process with. */
const stdioRules = ['result_too_large', 'process_unavailable', 'process_busy', 'process_deadline'] as const
export type StdioRule = (typeof stdioRules)[number]

/**
 * Names the rule of the platform that ended a request; in an event stream that has begun, the type of the event does. A program writes neither: what it answers is
 * the body alone.
 */
export const stdioRuleHeader = 'wheelhouse-rule'

/** Undefined: it names none. */
export function stdioRuleIn(text: unknown): StdioRule | undefined {
  return stdioRules.find((rule) => rule === text)
}

/** The path at the sandbox service; ids are slugs, so nothing in it needs escaping. */
export function stdioPath(serverId: string, key: string): string {
  return `/mcp/${serverId}/${key}`
}

/**
 * Sealed with the key that only broker and sandbox service have (AES-256-GCM, NIST SP 800-38D): it authenticates the one to the other,
 * opens one process alone, and the variables in it are readable for nobody in between.
 *
 * @param keyBase64 32 random bytes, base64
 */
export function sealTicket(keyBase64: string, value: StdioTicket): string {
  const nonce = randomBytes(nonceBytes)
  const cipher = createCipheriv('aes-256-gcm', keyOf(keyBase64), nonce).setAAD(
    contextOf(value.serverId, value.owner.key),
  )
  const body = Buffer.concat([cipher.update(JSON.stringify(value), 'utf8'), cipher.final()])
  return Buffer.concat([nonce, cipher.getAuthTag(), body]).toString('base64url')
}

/** Null when it was not sealed with this key for this process. */
export function openTicket(
  keyBase64: string,
  sealed: string,
  about: { serverId: string; key: string },
): StdioTicket | null {
  const bytes = Buffer.from(sealed, 'base64url')
  try {
    const options = { authTagLength: tagBytes }
    const decipher = createDecipheriv('aes-256-gcm', keyOf(keyBase64), bytes.subarray(0, nonceBytes), options)
    decipher.setAAD(contextOf(about.serverId, about.key)).setAuthTag(bytes.subarray(nonceBytes, nonceBytes + tagBytes))
    const text = Buffer.concat([decipher.update(bytes.subarray(nonceBytes + tagBytes)), decipher.final()])
    return ticket.parse(JSON.parse(text.toString('utf8')))
  } catch {
    return null
  }
}

const nonceBytes = 12
const tagBytes = 16

function keyOf(keyBase64: string): Buffer {
  return Buffer.from(keyBase64, 'base64')
}

function contextOf(serverId: string, key: string): Buffer {
  return Buffer.from(`stdio-ticket:${serverId}:${key}`)
}
