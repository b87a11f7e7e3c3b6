import { readFileSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { parse, YAMLParseError } from 'yaml'
import { z } from 'zod'
import { ConfigError, isLoopback } from './shared.ts'

const issuerUrl = z.url({
  protocol: /^https?$/,
  error: 'Use the iss claim of the issuer, an http or https address.',
})
const jwks = z
  .string()
  .min(1)
  .refine(
    (location) => !/^http:/i.test(location) || (URL.canParse(location) && isLoopback(new URL(location).hostname)),
    {
      error: 'Keys that come over plain http could be anyone’s: use https or a file.',
    },
  )
const claimName = z.string().min(1).max(100)

const mapping = z
  .strictObject({
    /** The registered agent that this lets in. */
    agent: z.string().min(1),
    /** The sub claim, exactly. */
    subject: z.string().min(1).optional(),
    /** The client_id claim: a credential of the agent. */
    clientId: z.string().min(1).optional(),
  })
  .refine((entry) => entry.subject !== undefined || entry.clientId !== undefined, {
    error: 'Name a subject, a clientId or both: an entry without would let everybody in.',
  })

/** An identity provider whose ID-JAGs are taken (enterprise-managed authorization). */
const identityAssertions = z.strictObject({
  use: z.literal('identity-assertions'),
  issuer: issuerUrl,
  jwks,
  agents: z.array(mapping).min(1),
})

/** A self-hosted Claude server whose session tokens may be exchanged. */
const claudeSessions = z.strictObject({
  use: z.literal('claude-sessions'),
  issuer: issuerUrl,
  jwks,
  /** The server whose sessions it vouches for, as the worker reaches it (WHEELHOUSE_CLAUDE_URL). Default: the issuer. */
  server: z.url({ protocol: /^https?$/, error: 'Use the http or https address of the Claude server.' }).optional(),
  /** The aud claim. Default: the broker's address with /mcp. */
  audience: z.string().min(1).optional(),
  /** The typ header, if the server sets one of its own. */
  type: z.string().min(1).optional(),
  /** Which claims name agent, version and session, by their ids at that server. */
  claims: z
    .strictObject({
      agent: claimName.default('agent_id'),
      version: claimName.default('agent_version'),
      session: claimName.default('session_id'),
    })
    .prefault({}),
})

const trustedIssuers = z
  .array(z.discriminatedUnion('use', [identityAssertions, claudeSessions]))
  .superRefine((entries, context) => {
    for (const [index, { issuer }] of entries.entries()) {
      if (entries.findIndex((entry) => entry.issuer === issuer) === index) continue
      context.addIssue({ code: 'custom', path: [index, 'issuer'], message: 'This issuer is there twice.' })
    }
  })

export type TrustedIssuerSettings = z.output<typeof trustedIssuers>[number]

/**
 * Reads WHEELHOUSE_TRUSTED_ISSUERS, a YAML or JSON file with a list of issuers; files it names are beside it. Throws `ConfigError` naming
 * everything that is wrong with it.
 */
export function readTrustedIssuers(path: string | undefined): TrustedIssuerSettings[] {
  if (path === undefined) return []
  const wrong = (why: string) => new ConfigError(`WHEELHOUSE_TRUSTED_ISSUERS (${path}): ${why}`)
  let given: unknown
  try {
    given = parse(readFileSync(path, 'utf8'))
  } catch (error) {
    if (error instanceof YAMLParseError) throw wrong(error.message)
    throw wrong('The file cannot be read.')
  }
  const parsed = trustedIssuers.safeParse(given)
  if (!parsed.success) throw wrong(`\n${z.prettifyError(parsed.error)}`)
  const folder = dirname(resolve(path))
  return parsed.data.map((entry) =>
    /^https?:\/\//i.test(entry.jwks) ? entry : { ...entry, jwks: resolve(folder, entry.jwks) },
  )
}
