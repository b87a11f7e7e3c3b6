import { createPrivateKey, randomUUID } from 'node:crypto'
import {
  auth,
  computeScopeUnion,
  extractWWWAuthenticateParams,
  type FetchLike,
  type OAuthClientProvider,
  type StoredOAuthTokens,
} from '@modelcontextprotocol/client'
import { SignJWT } from 'jose'
import { z } from 'zod'
import type { Ctx } from '#lib/auth/ctx.ts'
import { sealContexts } from '#lib/core/seal-contexts.ts'
import type { CredentialSettings } from '#lib/registry/schema.ts'
import { type Challenge, preferIssuer, tokenOf, type UpstreamToken } from './client-credentials.ts'
import { asksForProof, type DpopKey, dpopSession, newDpopKey } from './dpop.ts'
import { challengeResponse, oauthFetchFor } from './http.ts'
import { authProblem, UpstreamAuthProblem } from './problem.ts'
import { notingFetch } from './shown-secrets.ts'
import { isUsable, readSealed, storeTokens, type TokenParts } from './tokens.ts'

const grantType = 'urn:ietf:params:oauth:grant-type:jwt-bearer'
/** An assertion is for the request it goes with, and for the clock of the other side to differ a little. */
const assertionSeconds = 120

/** What is sealed: an assertion as somebody gave it, or the key that assertions are signed with. */
type WorkloadSecret = { assertion?: string; privateKey?: string; algorithm?: string }

type Wanted = {
  credentialId: string
  serverUrl: string
  settings: CredentialSettings
  refused: string | null
  challenge: Challenge | null
  heldScope: string | null
}

/**
 * A token for what the platform is (workload identity federation): a JWT about this workload, of an issuer that the server's authorization server trusts, is exchanged there
 * (RFC 7523 §2.1). No client secret is known there and no person is asked. One process at a time does so and the others take what it stored, since an assertion may be good for one
 * use. A refusal is final for the request: it is neither tried again nor in another way. Throws `UpstreamAuthProblem`.
 */
export async function workloadToken(ctx: Ctx, parts: TokenParts, wanted: Wanted): Promise<UpstreamToken> {
  const { credentialId, refused } = wanted
  const held = await readSealed(ctx, parts, credentialId)
  if (held.tokens && isUsable(held.tokens, refused)) return held.tokens
  return await parts.exclusively(`upstream-tokens:${credentialId}`, async () => {
    const now = await readSealed(ctx, parts, credentialId)
    if (now.tokens && isUsable(now.tokens, refused)) return now.tokens
    const sealer = await parts.secretBox.sealer()
    const token = await exchange(wanted, { secret: now.secret as WorkloadSecret, heldKey: now.tokens?.dpopKey }).catch(
      (error: unknown) => {
        throw authProblem(error)
      },
    )
    const sealed = sealer(JSON.stringify({ ...token, refreshToken: null }), sealContexts.upstreamTokens(credentialId))
    await storeTokens(ctx, { credentialId, setAt: now.setAt, sealed, expiresAt: token.expiresAt })
    return token
  })
}

async function exchange(
  { serverUrl, settings, challenge, heldScope }: Wanted,
  { secret, heldKey }: { secret: WorkloadSecret; heldKey: DpopKey | undefined },
): Promise<UpstreamToken> {
  const { resourceMetadataUrl, scope } = challenge
    ? extractWWWAuthenticateParams(challengeResponse(challenge.status, challenge.wwwAuthenticate))
    : {}
  const asked = computeScopeUnion(heldScope ?? settings.scope, scope)
  const key = heldKey ?? (asksForProof(challenge?.wwwAuthenticate ?? null) ? await newDpopKey() : undefined)
  const provider = providerOf(settings, { secret, fetchFn: oauthFetchFor({ serverUrl, issuer: settings.issuer }) })
  if (key) {
    const session = await dpopSession(key)
    provider.dpop = () => session
  }
  await preferIssuer(provider, { serverUrl, fetchFn: provider.fetchFn, issuer: settings.issuer, resourceMetadataUrl })
  await auth(provider, {
    serverUrl,
    fetchFn: provider.fetchFn,
    ...(resourceMetadataUrl ? { resourceMetadataUrl } : {}),
    ...(asked ? { scope: asked } : {}),
  })
  if (!provider.result) throw new UpstreamAuthProblem('The authorization server gave no token.', null)
  return { ...tokenOf(provider.result, { askedScope: asked, key }), secrets: [...provider.secrets] }
}

type Provider = OAuthClientProvider & { result: StoredOAuthTokens | null; fetchFn: FetchLike; secrets: Set<string> }

function providerOf(
  settings: CredentialSettings,
  { secret, fetchFn }: { secret: WorkloadSecret; fetchFn: FetchLike },
): Provider {
  const { clientId = '', issuer = '' } = settings
  let refusal: UpstreamAuthProblem | null = null
  const noting = notingFetch(fetchFn)
  const provider: Provider = {
    result: null,
    secrets: noting.secrets,
    async fetchFn(url, init) {
      const response = await noting.fetchFn(url, init)
      if (init?.method === 'POST' && !response.ok) refusal = await refusalIn(response.clone())
      return response
    },
    redirectUrl: undefined,
    clientMetadata: {
      client_name: 'Wheelhouse',
      redirect_uris: [],
      grant_types: [grantType],
      token_endpoint_auth_method: 'none',
    },
    // Only this authorization server gets an assertion: the MCP server is not to choose it.
    clientInformation: () => ({ client_id: clientId, token_endpoint_auth_method: 'none', issuer }),
    tokens: () => undefined,
    saveTokens: (tokens) => void (provider.result = tokens),
    redirectToAuthorization: () => {
      throw new UpstreamAuthProblem('The authorization server wants a person to authorize this client.', null)
    },
    saveCodeVerifier: () => {},
    codeVerifier: () => '',
    async prepareTokenRequest(scope) {
      // The SDK asks once more after some refusals: an assertion that was refused is not shown again.
      if (refusal) throw refusal
      const assertion = secret.assertion ?? (await signedAssertion(settings, secret))
      return new URLSearchParams({ grant_type: grantType, assertion, ...(scope ? { scope } : {}) })
    },
  }
  return provider
}

const oauthError = z.looseObject({ error: z.string().regex(/^[a-z_]{3,60}$/) })

async function refusalIn(response: Response): Promise<UpstreamAuthProblem> {
  const parsed = oauthError.safeParse(await response.json().catch(() => null))
  const code = parsed.success ? parsed.data.error : null
  return new UpstreamAuthProblem(`The authorization server answered ${code ?? String(response.status)}.`, code)
}

/** RFC 7523 §3: who vouches, for whom, at whom, until when, and once. */
async function signedAssertion(
  { workloadIssuer = '', subject = '', keyId, issuer = '' }: CredentialSettings,
  { privateKey = '', algorithm = 'RS256' }: WorkloadSecret,
): Promise<string> {
  return new SignJWT()
    .setProtectedHeader({ alg: algorithm, typ: 'JWT', ...(keyId ? { kid: keyId } : {}) })
    .setIssuer(workloadIssuer)
    .setSubject(subject)
    .setAudience(issuer)
    .setJti(randomUUID())
    .setIssuedAt()
    .setExpirationTime(`${assertionSeconds}s`)
    .sign(createPrivateKey(privateKey))
}
