import type { CredentialSettings } from '../schema/credentials.ts'
import { createRedact } from '#lib/core/redaction.ts'
import type { Prover } from './ask.ts'
import type { ProbeCredential } from './probe-server.ts'

/** As `provenClientToken` of the module of upstreams, which is above this one. */
export type ClientToken = (options: {
  serverUrl: string
  settings: CredentialSettings
  secret: string
  challenge: { status: number; wwwAuthenticate: string | null } | null
  heldScope: null
}) => Promise<{ accessToken: string; prover: Prover | null }>

type Given = {
  url: string
  kind: string
  headerName: string | null
  settings: CredentialSettings
  /** As it is sealed for a server. */
  secret: string
  clientToken: ClientToken
  /** Gets what becomes of the secret on the way and is secret as well. */
  known: string[]
}

/** What a probe shows, as the broker would. */
export function credentialOf({ url, kind, headerName, settings, secret, clientToken, known }: Given): ProbeCredential {
  switch (kind) {
    case 'bearer':
      return sent('authorization', `Bearer ${secret}`)
    case 'basic':
      return sent('authorization', `Basic ${Buffer.from(secret).toString('base64')}`)
    case 'header':
      return sent((headerName ?? '').toLowerCase(), secret)
    case 'mtls': {
      const { certificate, privateKey, ca } = JSON.parse(secret) as Record<string, string>
      const tls = { cert: certificate!, key: privateKey!, ...(ca === undefined ? {} : { ca }) }
      return { name: 'client certificate', shown: async () => ({ headers: {} }), tls }
    }
    case 'oauth_client':
      return {
        name: 'a token of its authorization server',
        async shown(challenge) {
          const wanted = { serverUrl: url, settings, secret, challenge, heldScope: null }
          const { accessToken, prover } = await clientToken(wanted)
          known.push(accessToken)
          return { headers: { authorization: `${prover ? 'DPoP' : 'Bearer'} ${accessToken}` }, prover }
        },
      }
    default:
      throw new Error('A credential of this kind is not tried.')
  }
}

function sent(name: string, value: string): ProbeCredential {
  return { name, shown: async () => ({ headers: { [name]: value } }) }
}

/** The secret in every form in which the server gets to know it. */
export function secretsOf({ credentialKind }: { credentialKind: string | null }, secret: string | null): string[] {
  if (secret === null) return []
  const parts = valuesOf(secret)
  if (credentialKind !== 'basic') return [secret, ...parts]
  return [secret, Buffer.from(secret).toString('base64'), secret.slice(secret.indexOf(':') + 1)]
}

/** Of a secret of several parts, such as that of an OAuth client or several variables. */
function valuesOf(secret: string): string[] {
  try {
    const value: unknown = JSON.parse(secret)
    if (typeof value !== 'object' || value === null) return []
    return Object.values(value).filter((each) => typeof each === 'string' && each !== '')
  } catch {
    return []
  }
}

/** A server may say back what it was sent. */
export function withoutSecrets<T>(report: T, secrets: readonly string[]): T {
  const redactText = createRedact(secrets.filter(({ length }) => length >= 4))
  const redact = (value: unknown): unknown => {
    if (typeof value === 'string') return redactText(value)
    if (typeof value !== 'object' || value === null) return value
    if (Array.isArray(value)) return value.map(redact)
    return Object.fromEntries(Object.entries(value).map(([name, member]) => [name, redact(member)]))
  }
  return redact(report) as T
}
