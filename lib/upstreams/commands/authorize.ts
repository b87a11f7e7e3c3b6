import { auth, computeScopeUnion, validateAuthorizationResponseIssuer } from '@modelcontextprotocol/client'
import { recordAudit } from '#lib/audit/commands.ts'
import { authorize, type Ctx, inTx, requirePerson } from '#lib/auth/ctx.ts'
import { DomainError } from '#lib/core/errors.ts'
import { sealContexts } from '#lib/core/seal-contexts.ts'
import { hashToken, randomSecret, type SecretBox } from '#lib/core/secret-box.ts'
import { putCredential } from '#lib/registry/commands.ts'
import { type AuthorizationState, authorizationProvider, type PortalClient } from '../authorization.ts'
import { readChallenge } from '../challenge.ts'
import { tokenOf } from '../client-credentials.ts'
import { dpopSession, newDpopKey } from '../dpop.ts'
import { oauthFetchFor } from '../http.ts'
import { authProblem, UpstreamAuthProblem } from '../problem.ts'
import type { AuthorizationAnswer, BeginAuthorizationInput } from '../schema.ts'
import type { AuthorizedClient, SealedTokens } from '../tokens.ts'

const answerWithinMs = 10 * 60_000

type Parts = { secretBox: SecretBox; portal: PortalClient; sessionId: string }

/**
 * Finds the server's authorization server (RFC 9728, RFC 8414), makes the portal its client if nobody gave one, and answers where the
 * person has to go. State and PKCE verifier are sealed and bound to the person's session. Needs `servers:manage`; throws
 * `UpstreamAuthProblem` when the server offers no way.
 */
export async function beginAuthorization(
  ctx: Ctx,
  { input, ...parts }: Parts & { input: BeginAuthorizationInput },
): Promise<{ authorizationUrl: string }> {
  authorize(ctx, 'servers:manage')
  const person = requirePerson(ctx)
  const { serverId, teamId } = input
  const { url, wantedScope, client, issuer: known } = await knownOf(ctx, parts.secretBox, input)
  const challenge = await readChallenge(url)
  const scope = computeScopeUnion(
    computeScopeUnion(input.scope, challenge.scope ?? undefined),
    wantedScope ?? undefined,
  )
  const state: AuthorizationState = {
    // One that was registered for less cannot ask for more: then the portal registers anew.
    client: input.clientId || reaches(client, scope) ? client : null,
    issuer: input.issuer ?? known,
    discovery: null,
    verifier: null,
    resource: null,
    scope: scope ?? null,
    resourceMetadataUrl: challenge.resourceMetadataUrl,
    wantsProof: challenge.wantsProof,
    reason: input.reason || null,
  }
  const stateText = randomSecret()
  const { provider, outcome } = authorizationProvider({ portal: parts.portal, state, stateText })
  await run(provider, { serverUrl: url, state })
  if (!outcome.authorizationUrl) throw new UpstreamAuthProblem('The server offers no authorization.', null)
  const id = hashToken(stateText)
  const ciphertext = await parts.secretBox.seal(JSON.stringify(state), sealContexts.upstreamAuthorization(id))
  const { sessionId } = parts
  const issuer = state.discovery?.authorizationServerMetadata?.issuer ?? state.discovery?.authorizationServerUrl ?? ''
  await inTx(ctx, async (tx, ctx) => {
    await tx.upstreamAuthorization.deleteMany({ where: { expiresAt: { lt: ctx.now } } })
    const expiresAt = new Date(ctx.now.getTime() + answerWithinMs)
    await tx.upstreamAuthorization.create({
      data: { id, serverId, teamId, personId: person.id, sessionId, ciphertext, expiresAt },
    })
    recordAudit(tx, ctx, {
      event: 'server.authorization_begun',
      subject: { kind: 'server', id: serverId, name: serverId },
      serverId,
      ...(teamId === null ? {} : { teamId }),
      detail: { issuer, scope: state.scope },
    })
  })
  return { authorizationUrl: outcome.authorizationUrl.href }
}

/**
 * Ends what `beginAuthorization` began, for the same person in the same session and once: checks who answers (RFC 9207), redeems the code
 * and puts the tokens straight into sealed storage. Throws `UpstreamAuthProblem` when it does not come to tokens.
 */
export async function completeAuthorization(
  ctx: Ctx,
  { answer, ...parts }: Parts & { answer: AuthorizationAnswer },
): Promise<{ serverId: string; teamId: string | null }> {
  authorize(ctx, 'servers:manage')
  const begun = await takeBegun(ctx, parts, answer.state)
  try {
    return await redeem(ctx, { ...parts, ...begun, answer })
  } catch (error) {
    if (!(error instanceof UpstreamAuthProblem)) throw error
    await recordFailure(ctx, begun, error.message)
    error.serverId = begun.serverId
    throw error
  }
}

type Begun = { serverId: string; teamId: string | null; state: AuthorizationState }

async function recordFailure(ctx: Ctx, { serverId, teamId }: Begun, message: string): Promise<void> {
  await inTx(ctx, async (tx, ctx) => {
    recordAudit(tx, ctx, {
      event: 'server.authorization_failed',
      subject: { kind: 'server', id: serverId, name: serverId },
      serverId,
      ...(teamId === null ? {} : { teamId }),
      detail: { message },
    })
  })
}

async function redeem(
  ctx: Ctx,
  { serverId, teamId, state, answer, ...parts }: Parts & Begun & { answer: AuthorizationAnswer },
): Promise<{ serverId: string; teamId: string | null }> {
  const server = await ctx.db.mcpServer.findUnique({ where: { id: serverId }, select: { url: true } })
  if (!server?.url) throw new DomainError('not_found', 'The server is gone.')
  const metadata = state.discovery?.authorizationServerMetadata
  if (!metadata || !state.client) throw new UpstreamAuthProblem('What was begun is not complete.', null)
  if (answer.error !== undefined || answer.code === undefined) return refuse(metadata, answer)
  const key = state.wantsProof ? await newDpopKey() : undefined
  const { provider, outcome } = authorizationProvider({
    portal: parts.portal,
    state,
    stateText: answer.state,
    ...(key ? { dpop: await dpopSession(key) } : {}),
  })
  await run(provider, {
    serverUrl: server.url,
    state,
    authorizationCode: answer.code,
    ...(answer.iss === undefined ? {} : { iss: answer.iss }),
  })
  if (!outcome.tokens) throw new UpstreamAuthProblem('The authorization server gave no token.', null)
  const token = tokenOf(outcome.tokens, { askedScope: state.scope ?? undefined, key })
  const tokens: SealedTokens = { ...token, refreshToken: outcome.tokens.refresh_token ?? null }
  const authorized: AuthorizedClient = {
    client: state.client,
    metadata,
    ...(state.issuer ? { issuer: state.issuer } : {}),
    ...(state.resource === null ? {} : { resource: state.resource }),
  }
  const place = { serverId, teamId }
  const sealTokens = await parts.secretBox.sealer()
  const ciphertext = await parts.secretBox.seal(
    JSON.stringify(authorized),
    sealContexts.upstreamCredential(serverId, teamId),
  )
  await inTx(ctx, async (tx, ctx) => {
    await putCredential(
      { ...ctx, tx },
      {
        place,
        sealed: {
          kind: 'oauth_person',
          headerName: null,
          ciphertext,
          settings: {
            clientId: state.client!.client_id,
            issuer: metadata.issuer,
            ...(token.scope === null ? {} : { scope: token.scope }),
          },
          expiresAt: tokens.refreshToken === null && token.expiresAt !== null ? new Date(token.expiresAt) : null,
          reason: state.reason,
          tokensFor: (id) => sealTokens(JSON.stringify(tokens), sealContexts.upstreamTokens(id)),
          tokensExpireAt: token.expiresAt === null ? null : new Date(token.expiresAt),
        },
      },
    )
  })
  return place
}

async function run(
  provider: Parameters<typeof auth>[0],
  options: { serverUrl: string; state: AuthorizationState; authorizationCode?: string; iss?: string },
): Promise<void> {
  const { state, ...rest } = options
  try {
    await auth(provider, {
      ...rest,
      fetchFn: oauthFetchFor({ serverUrl: rest.serverUrl, issuer: state.issuer ?? undefined }),
      ...(state.scope === null ? {} : { scope: state.scope }),
      ...(state.resourceMetadataUrl === null ? {} : { resourceMetadataUrl: new URL(state.resourceMetadataUrl) }),
    })
  } catch (error) {
    throw authProblem(error)
  }
}

function reaches(client: AuthorizationState['client'], scope: string | undefined): boolean {
  const registered = client && 'scope' in client && typeof client.scope === 'string' ? client.scope.split(' ') : null
  return registered === null || (scope ?? '').split(' ').every((each) => each === '' || registered.includes(each))
}

/** The server, and the client that is to be used: the one given, else the one of before. */
async function knownOf(
  ctx: Ctx,
  secretBox: SecretBox,
  { serverId, teamId, clientId, clientSecret }: BeginAuthorizationInput,
): Promise<{ url: string; wantedScope: string | null } & Pick<AuthorizationState, 'client' | 'issuer'>> {
  const server = await ctx.db.mcpServer.findUnique({ where: { id: serverId }, select: { url: true } })
  if (!server?.url)
    throw new DomainError('not_found', `There is no server ${JSON.stringify(serverId)} with an address.`)
  const row = await ctx.db.upstreamCredential.findFirst({
    where: { serverId, teamId, kind: 'oauth_person' },
    select: { ciphertext: true, wantedScope: true, settings: true },
  })
  const held = (row?.settings as { scope?: string } | undefined)?.scope
  const wantedScope = row
    ? (computeScopeUnion(row.wantedScope ?? undefined, row.wantedScope ? held : undefined) ?? null)
    : null
  if (clientId) {
    const client = { client_id: clientId, ...(clientSecret ? { client_secret: clientSecret } : {}) }
    return { url: server.url, wantedScope, client, issuer: null }
  }
  if (!row) return { url: server.url, wantedScope, client: null, issuer: null }
  const opened = await secretBox.open(row.ciphertext, sealContexts.upstreamCredential(serverId, teamId))
  const { client, issuer = null } = JSON.parse(opened) as AuthorizedClient
  return { url: server.url, wantedScope, client, issuer }
}

/** What this person began in this session, taken so that nobody can use it again. */
async function takeBegun(ctx: Ctx, { secretBox, sessionId }: Parts, stateText: string) {
  const person = requirePerson(ctx)
  const id = hashToken(stateText)
  const where = { id, personId: person.id, sessionId, expiresAt: { gt: ctx.now } }
  const row = await ctx.db.upstreamAuthorization.findFirst({ where })
  const { count } = await ctx.db.upstreamAuthorization.deleteMany({ where })
  if (!row || count === 0) {
    throw new DomainError(
      'forbidden',
      'This answer belongs to no authorization that you began in this session within ten minutes. Begin again.',
      { rule: 'upstream:state' },
    )
  }
  const opened = await secretBox.open(row.ciphertext, sealContexts.upstreamAuthorization(id))
  return { serverId: row.serverId, teamId: row.teamId, state: JSON.parse(opened) as AuthorizationState }
}

function refuse(
  metadata: NonNullable<NonNullable<AuthorizationState['discovery']>['authorizationServerMetadata']>,
  answer: AuthorizationAnswer,
): never {
  try {
    validateAuthorizationResponseIssuer({
      iss: answer.iss,
      expectedIssuer: metadata.issuer,
      issParameterSupported: metadata['authorization_response_iss_parameter_supported'] === true,
    })
  } catch (error) {
    throw authProblem(error)
  }
  const code = /^[a-z_]{3,60}$/.test(answer.error ?? '') ? answer.error! : 'an error'
  throw new UpstreamAuthProblem(`The authorization server answered ${code}.`, code)
}
