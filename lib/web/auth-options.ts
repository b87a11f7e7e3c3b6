import type { NextAuthOptions, User } from 'next-auth'
import { decode, encode } from 'next-auth/jwt'
import { anonymous } from '#lib/auth/ctx.ts'
import { signInWithOidc } from '#lib/auth/commands/sign-in.ts'
import { oidcIdentity } from '#lib/auth/schema.ts'
import type { OidcConfig } from '#lib/config/portal.ts'
import { paths } from '#lib/core/paths.ts'
import { z } from 'zod'
import { sessionCookieName, sessionCookieOptions, sessionSeconds } from './cookie.ts'
import type { Portal } from './db.ts'

type Request = Pick<Portal, 'config' | 'db' | 'log'> & { requestId: string; userAgent: string | null }

/** next-auth does the OpenID Connect dance (code flow with PKCE, state and nonce); who gets in and as what is decided in lib/auth. */
export function authOptions(request: Request): NextAuthOptions {
  const { config } = request
  return {
    secret: config.authSecret,
    useSecureCookies: config.url.startsWith('https://'),
    session: { strategy: 'jwt', maxAge: sessionSeconds },
    jwt: { encode, decode },
    pages: { signIn: paths.signIn(), signOut: paths.home(), error: paths.signIn() },
    cookies: {
      sessionToken: { name: sessionCookieName(config.url), options: sessionCookieOptions(config.url) },
    },
    providers: config.oidc ? [oidcProvider(config.oidc)] : [],
    callbacks: {
      async signIn({ user, profile }) {
        const outcome = await openSession(profile ?? {}, request)
        if (!outcome.ok) return `${paths.signIn()}?${new URLSearchParams({ error: outcome.error.reason })}`
        carrySessionId(user, outcome.value.sessionId)
        return true
      },
      // The cookie holds the session's id and nothing else: name, roles and permissions are read per request.
      jwt: ({ token, user }) => (user ? { sid: user.id } : { sid: token['sid'] }),
      session: ({ session }) => ({ expires: session.expires }),
      redirect: ({ url, baseUrl }) => (isOwnPath(url, baseUrl) ? new URL(url, baseUrl).href : baseUrl),
    },
    logger: authLogger(request),
  }
}

export const oidcProviderId = 'oidc'

function oidcProvider(oidc: OidcConfig): NextAuthOptions['providers'][number] {
  return {
    id: oidcProviderId,
    name: 'Single sign-on',
    type: 'oauth',
    wellKnown: `${oidc.issuer}/.well-known/openid-configuration`,
    issuer: oidc.issuer,
    clientId: oidc.clientId,
    clientSecret: oidc.clientSecret,
    authorization: { params: { scope: 'openid email profile' } },
    checks: ['pkce', 'state', 'nonce'],
    idToken: true,
    // Some providers put groups into the id token, others only into the userinfo answer (checked to be of the same subject).
    userinfo: {
      async request({ tokens, client }) {
        const tokenSet = tokens as Parameters<typeof client.userinfo>[0] & {
          claims(): Record<string, unknown> & { sub: string }
        }
        const more = client.issuer.metadata.userinfo_endpoint ? await client.userinfo(tokenSet) : {}
        return { ...more, ...tokenSet.claims() }
      },
    },
    profile: (claims: { sub: string }) => ({ id: claims.sub }),
  }
}

const claimsSchema = z.looseObject({
  sub: z.string(),
  email: z.string(),
  email_verified: z.boolean().optional(),
  name: z.string().optional(),
  preferred_username: z.string().optional(),
})

async function openSession(profile: unknown, request: Request) {
  const { config, db } = request
  const claims = claimsSchema.parse(profile)
  const oidc = config.oidc!
  const identity = oidcIdentity.parse({
    issuer: oidc.issuer,
    subject: claims.sub,
    email: claims.email.toLowerCase(),
    // A provider that is silent about it vouches for the addresses of its own organization.
    emailVerified: claims.email_verified ?? true,
    name: claims.name ?? claims.preferred_username ?? claims.email,
    groups: z.array(z.string()).catch([]).parse(claims[oidc.groupsClaim]),
  })
  const ctx = { db, actor: anonymous, now: new Date(), requestId: request.requestId }
  return await signInWithOidc(ctx, { ...identity, groupRoles: oidc.groupRoles, userAgent: request.userAgent })
}

// next-auth hands the same user object to the jwt callback, which puts its id into the cookie.
function carrySessionId(user: User, sessionId: string): void {
  user.id = sessionId
}

function isOwnPath(url: string, baseUrl: string): boolean {
  return URL.canParse(url, baseUrl) && new URL(url, baseUrl).origin === new URL(baseUrl).origin
}

function authLogger({ requestId, log }: Request): NextAuthOptions['logger'] {
  return {
    error: (code, metadata) =>
      log.error({ requestId, code, err: metadata instanceof Error ? metadata : metadata.error }, 'sign-in failed'),
    warn: (code) => log.warn({ requestId, code }, 'sign-in'),
    debug: () => {},
  }
}
