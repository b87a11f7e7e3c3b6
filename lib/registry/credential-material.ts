import { createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto'
import { decodeJwt } from 'jose'
import { DomainError } from '#lib/core/errors.ts'
import type { CredentialSettings, SetServerCredentialInput } from './schema/credentials.ts'

/** What is stored of a credential: a text to seal, and what may be seen. */
export type CredentialMaterial = {
  secret: string
  headerName: string | null
  settings: CredentialSettings
  expiresAt: Date | null
}

/** Checks what the schema cannot: keys and certificates have to be some, belong together and be in force. Throws `invalid`, naming the field. */
export function credentialMaterial(input: SetServerCredentialInput, now: Date): CredentialMaterial {
  const expiresAt = input.expiresAt === undefined ? null : new Date(input.expiresAt)
  if (expiresAt && expiresAt <= now) throw invalid('expiresAt', 'This credential would have ended already.')
  switch (input.kind) {
    case 'bearer':
    case 'basic':
      return { secret: input.secret, headerName: null, settings: {}, expiresAt }
    case 'header':
      return { secret: input.secret, headerName: input.headerName, settings: {}, expiresAt }
    case 'mtls':
      return clientCertificate(input, now)
    case 'oauth_client': {
      const { clientId, method, scope, issuer, clientSecret, privateKey } = input
      const algorithm = privateKey === undefined ? undefined : algorithmOf(readPrivateKey(privateKey))
      return {
        secret: JSON.stringify({ clientSecret, privateKey, algorithm }),
        headerName: null,
        settings: { clientId, method, issuer, ...(scope ? { scope } : {}) },
        expiresAt,
      }
    }
    case 'oauth_enterprise': {
      const { clientId, scope, issuer, idpIssuer, idpClientId, idToken, refreshToken } = input
      const { clientSecret, idpClientSecret } = input
      return {
        secret: JSON.stringify({ clientSecret, idpClientSecret, idToken, refreshToken }),
        headerName: null,
        settings: { clientId, issuer, idpIssuer, idpClientId, ...(scope ? { scope } : {}) },
        expiresAt: idToken === undefined ? expiresAt : endOfJwt('idToken', idToken, now),
      }
    }
    case 'oauth_workload': {
      const { clientId, scope, issuer, workloadIssuer, subject, keyId, assertion, privateKey } = input
      const algorithm = privateKey === undefined ? undefined : algorithmOf(readPrivateKey(privateKey))
      const about = { workloadIssuer, subject, keyId, scope }
      const given = Object.entries(about).filter(([, value]) => value)
      return {
        secret: JSON.stringify({ assertion, privateKey, algorithm }),
        headerName: null,
        settings: { clientId, issuer, ...Object.fromEntries(given) },
        expiresAt: assertion === undefined ? expiresAt : endOfJwt('assertion', assertion, now),
      }
    }
  }
}

/** When it ends. Whoever it is shown to verifies it. */
function endOfJwt(field: 'idToken' | 'assertion', jwt: string, now: Date): Date {
  let seconds: unknown
  try {
    seconds = decodeJwt(jwt).exp
  } catch {
    throw invalid(field, 'This is no JWT.')
  }
  const end = typeof seconds === 'number' ? new Date(seconds * 1000) : null
  if (!end || end <= now) throw invalid(field, 'It has ended already.')
  return end
}

function clientCertificate(
  { certificate, privateKey, ca }: Extract<SetServerCredentialInput, { kind: 'mtls' }>,
  now: Date,
): CredentialMaterial {
  const parsed = readCertificate(certificate, 'certificate')
  if (ca !== undefined) readCertificate(ca, 'ca')
  if (!parsed.checkPrivateKey(readPrivateKey(privateKey))) {
    throw invalid('privateKey', 'The private key is not that of the certificate.')
  }
  if (parsed.validToDate <= now) {
    throw invalid('certificate', `The certificate ended on ${parsed.validToDate.toISOString().slice(0, 10)}.`)
  }
  return {
    secret: JSON.stringify({ certificate, privateKey, ca }),
    headerName: null,
    settings: { subject: parsed.subject.replaceAll('\n', ', ').slice(0, 300) },
    expiresAt: parsed.validToDate,
  }
}

function readCertificate(text: string, field: string): X509Certificate {
  try {
    return new X509Certificate(text)
  } catch {
    throw invalid(field, 'This is no X.509 certificate in PEM.')
  }
}

function readPrivateKey(text: string): KeyObject {
  try {
    return createPrivateKey(text)
  } catch {
    throw invalid('privateKey', 'This is no private key in PEM without a passphrase.')
  }
}

/** RFC 7518 and RFC 8037: what a key of this type signs with. */
function algorithmOf(key: KeyObject): string {
  const curve = key.asymmetricKeyDetails?.namedCurve
  const algorithm = algorithms[curve ?? key.asymmetricKeyType ?? '']
  if (algorithm) return algorithm
  throw invalid('privateKey', 'Use an RSA, Ed25519 or NIST elliptic curve key.')
}

const algorithms: Record<string, string> = {
  rsa: 'RS256',
  ed25519: 'EdDSA',
  prime256v1: 'ES256',
  secp384r1: 'ES384',
  secp521r1: 'ES512',
}

function invalid(field: string, message: string): DomainError {
  return new DomainError('invalid', message, { field })
}
