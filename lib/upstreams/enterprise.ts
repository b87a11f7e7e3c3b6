import {
  auth,
  computeScopeUnion,
  CrossAppAccessProvider,
  extractWWWAuthenticateParams,
  type FetchLike,
  refreshAuthorization,
  requestJwtAuthorizationGrant,
} from '@modelcontextprotocol/client'
import { z } from 'zod'
import type { Ctx } from '#lib/auth/ctx.ts'
import { sealContexts } from '#lib/core/seal-contexts.ts'
import type { CredentialSettings } from '#lib/registry/schema.ts'
import { type Challenge, tokenOf, type UpstreamToken } from './client-credentials.ts'
import { asksForProof, dpopSession, newDpopKey } from './dpop.ts'
import { challengeResponse, oauthFetch, oauthFetchFor } from './http.ts'
import { authProblem, UpstreamAuthProblem } from './problem.ts'
import { notingFetch } from './shown-secrets.ts'
import { isUsable, readSealed, type SealedTokens, storeTokens, type TokenParts } from './tokens.ts'

/** What is sealed of such a credential: the identity that the identity provider knows, and what the clients at both sides authenticate with. */
type EnterpriseSecret = { clientSecret: string; idpClientSecret?: string; idToken?: string; refreshToken?: string }

type Wanted = {
  credentialId: string
  serverUrl: string
  settings: CredentialSettings
  refused: string | null
  challenge: Challenge | null
  heldScope: string | null
}

type Held = { setAt: Date; tokens: SealedTokens; secret: EnterpriseSecret }

/**
 * A token that the organization's identity provider stands behind (enterprise-managed authorization): an identity it knows is exchanged there (RFC 8693) for an assertion (ID-JAG)
 * about this client and this server, and the server's authorization server gives a token for that (RFC 7523). Whether it may be so is the identity provider's to decide; no person is
 * asked. One process at a time renews it, and a new refresh token is stored before anything else is done with it. Throws `UpstreamAuthProblem`.
 */
export async function enterpriseToken(ctx: Ctx, parts: TokenParts, wanted: Wanted): Promise<UpstreamToken> {
  const { credentialId, refused } = wanted
  const held = await readHeld(ctx, parts, credentialId)
  if (isUsable(held.tokens, refused)) return held.tokens
  return await parts.exclusively(`upstream-tokens:${credentialId}`, async () => {
    const now = await readHeld(ctx, parts, credentialId)
    return isUsable(now.tokens, refused) ? now.tokens : await renew(ctx, parts, { ...wanted, ...now })
  })
}

async function renew(ctx: Ctx, { secretBox }: TokenParts, wanted: Wanted & Held): Promise<UpstreamToken> {
  const { credentialId, setAt, tokens } = wanted
  const sealer = await secretBox.sealer()
  const keep = (next: SealedTokens): Promise<void> => {
    const sealed = sealer(JSON.stringify(next), sealContexts.upstreamTokens(credentialId))
    return storeTokens(ctx, { credentialId, setAt, sealed, expiresAt: next.expiresAt })
  }
  try {
    // A person named the identity provider, wherever it is; what the MCP server names is another matter.
    const { fetchFn, secrets } = notingFetch(oauthFetch)
    const { idToken, refreshToken, tokenEndpoint } = await identityOf(wanted, fetchFn)
    // The one before may be good for one use: what follows may fail, this must not be lost.
    if (refreshToken !== tokens.refreshToken) await keep({ ...tokens, expiresAt: 0, refreshToken })
    const token = { ...(await redeem(wanted, { idToken, tokenEndpoint, fetchFn, secrets })), secrets: [...secrets] }
    await keep({ ...token, refreshToken })
    return token
  } catch (error) {
    throw authProblem(error)
  }
}

const metadataOf = z.looseObject({ issuer: z.string(), token_endpoint: z.url({ protocol: /^https?$/ }) })

/** What an identity provider says of itself (OpenID Connect Discovery), as far as it is of use here; it has to be about itself. */
async function providerMetadata(issuer: string): Promise<z.output<typeof metadataOf>> {
  const response = await oauthFetch(`${issuer.replace(/\/$/, '')}/.well-known/openid-configuration`)
  const parsed = metadataOf.safeParse(response.ok ? await response.json().catch(() => null) : null)
  if (!parsed.success) throw new UpstreamAuthProblem('The identity provider has no metadata.', null)
  if (parsed.data.issuer === issuer) return parsed.data
  throw new UpstreamAuthProblem('The metadata of the identity provider names another issuer.', null)
}

type Identity = { idToken: string; refreshToken: string | null; tokenEndpoint: string }

/** The identity as the identity provider says it now. */
async function identityOf({ settings, secret, tokens }: Wanted & Held, fetchFn: FetchLike): Promise<Identity> {
  const { idpIssuer = '', idpClientId = '' } = settings
  const metadata = await providerMetadata(idpIssuer)
  const tokenEndpoint = metadata.token_endpoint
  const { refreshToken } = tokens
  if (refreshToken === null) return { idToken: secret.idToken ?? '', refreshToken, tokenEndpoint }
  const { idpClientSecret } = secret
  const refreshed = await refreshAuthorization(idpIssuer, {
    metadata: { authorization_endpoint: '', response_types_supported: [], ...metadata },
    clientInformation: { client_id: idpClientId, ...(idpClientSecret ? { client_secret: idpClientSecret } : {}) },
    refreshToken,
    fetchFn,
  })
  if (!refreshed.id_token) throw new UpstreamAuthProblem('The identity provider gave no ID token.', null)
  return { idToken: refreshed.id_token, refreshToken: refreshed.refresh_token ?? refreshToken, tokenEndpoint }
}

async function redeem(
  { serverUrl, settings, secret, challenge, heldScope, tokens }: Wanted & Held,
  {
    idToken,
    tokenEndpoint,
    fetchFn,
    secrets,
  }: Pick<Identity, 'idToken' | 'tokenEndpoint'> & ReturnType<typeof notingFetch>,
): Promise<UpstreamToken> {
  const { resourceMetadataUrl, scope } = challenge
    ? extractWWWAuthenticateParams(challengeResponse(challenge.status, challenge.wwwAuthenticate))
    : {}
  const asked = computeScopeUnion(heldScope ?? settings.scope, scope)
  const key = tokens.dpopKey ?? (asksForProof(challenge?.wwwAuthenticate ?? null) ? await newDpopKey() : undefined)
  const session = key && (await dpopSession(key))
  const { idpClientSecret, clientSecret } = secret
  const { fetchFn: serverFetch } = notingFetch(oauthFetchFor({ serverUrl, issuer: settings.issuer }), secrets)
  const provider = new CrossAppAccessProvider({
    clientId: settings.clientId ?? '',
    clientSecret,
    clientName: 'Wheelhouse',
    expectedIssuer: settings.issuer ?? '',
    async assertion({ authorizationServerUrl, resourceUrl, scope: wantedScope }) {
      const { jwtAuthGrant } = await requestJwtAuthorizationGrant({
        tokenEndpoint,
        audience: authorizationServerUrl,
        resource: resourceUrl,
        idToken,
        clientId: settings.idpClientId ?? '',
        fetchFn,
        ...(idpClientSecret ? { clientSecret: idpClientSecret } : {}),
        ...(wantedScope ? { scope: wantedScope } : {}),
      })
      return jwtAuthGrant
    },
  })
  await auth(session ? Object.assign(provider, { dpop: () => session }) : provider, {
    serverUrl,
    fetchFn: serverFetch,
    ...(resourceMetadataUrl ? { resourceMetadataUrl } : {}),
    ...(asked ? { scope: asked } : {}),
  })
  const given = provider.tokens()
  if (!given) throw new UpstreamAuthProblem('The authorization server gave no token.', null)
  return tokenOf(given, { askedScope: asked, key })
}

async function readHeld(ctx: Ctx, parts: TokenParts, credentialId: string): Promise<Held> {
  const { setAt, tokens, ...sealed } = await readSealed(ctx, parts, credentialId)
  const secret = sealed.secret as EnterpriseSecret
  const none: SealedTokens = { accessToken: '', expiresAt: 0, scope: null, refreshToken: secret.refreshToken ?? null }
  return { setAt, secret, tokens: tokens ?? none }
}
