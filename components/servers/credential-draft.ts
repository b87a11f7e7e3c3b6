import type { ClientAuthMethod, CredentialKind, SetServerCredentialInput } from '#lib/registry/schema.ts'
import type { BeginAuthorizationInput } from '#lib/upstreams/schema.ts'

/** The form as it is on the screen; converted when it is sent. */
export type Draft = {
  kind: CredentialKind
  teamId: string
  reason: string
  secret: string
  user: string
  headerName: string
  certificate: string
  privateKey: string
  ca: string
  clientId: string
  clientSecret: string
  method: ClientAuthMethod
  scope: string
  issuer: string
  idpIssuer: string
  idpClientId: string
  idpClientSecret: string
  idToken: string
  refreshToken: string
  assertion: string
  workloadIssuer: string
  subject: string
  keyId: string
  expires: string
}

export const emptyDraft: Draft = {
  kind: 'bearer',
  teamId: '',
  reason: '',
  secret: '',
  user: '',
  headerName: '',
  certificate: '',
  privateKey: '',
  ca: '',
  clientId: '',
  clientSecret: '',
  method: 'client_secret_basic',
  scope: '',
  issuer: '',
  idpIssuer: '',
  idpClientId: '',
  idpClientSecret: '',
  idToken: '',
  refreshToken: '',
  assertion: '',
  workloadIssuer: '',
  subject: '',
  keyId: '',
  expires: '',
}

type Converted = SetServerCredentialInput | { kind: 'oauth_person'; authorize: BeginAuthorizationInput }

/** What is sent of a draft: the fields of its kind, without those that were left empty. */
export function credentialInput(serverId: string, draft: Draft): Converted {
  const { kind, secret, headerName, certificate, privateKey, clientId, clientSecret, method } = draft
  const teamId = draft.teamId || null
  const given = <K extends keyof Draft>(name: K) =>
    (draft[name] ? { [name]: draft[name] } : {}) as Partial<Pick<Draft, K>>
  const common = {
    serverId,
    teamId,
    ...given('reason'),
    // The end of that day, wherever one is.
    ...(draft.expires ? { expiresAt: `${draft.expires}T23:59:59Z` } : {}),
  }
  switch (kind) {
    case 'bearer':
      return { ...common, kind, secret }
    case 'basic':
      return { ...common, kind, secret: `${draft.user}:${secret}` }
    case 'header':
      return { ...common, kind, headerName, secret }
    case 'mtls':
      return { ...common, kind, certificate, privateKey, ...given('ca') }
    case 'oauth_client':
      return {
        ...common,
        kind,
        clientId,
        method,
        ...(method === 'private_key_jwt' ? { privateKey } : { clientSecret }),
        issuer: draft.issuer,
        ...given('scope'),
      }
    case 'oauth_enterprise': {
      const { idpIssuer, idpClientId, issuer } = draft
      const optional = { ...given('idpClientSecret'), ...given('idToken'), ...given('refreshToken') }
      const needed = { clientId, clientSecret, issuer, idpIssuer, idpClientId }
      return { ...common, kind, ...needed, ...optional, ...given('scope') }
    }
    case 'oauth_workload': {
      const signed = draft.privateKey
        ? { privateKey, ...given('workloadIssuer'), ...given('subject'), ...given('keyId') }
        : given('assertion')
      return { ...common, kind, clientId, issuer: draft.issuer, ...signed, ...given('scope') }
    }
    case 'oauth_person': {
      const client = { ...given('clientId'), ...given('clientSecret'), ...given('issuer') }
      return { kind, authorize: { serverId, teamId, ...client, ...given('scope'), ...given('reason') } }
    }
  }
}
