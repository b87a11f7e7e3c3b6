import { createServer } from 'node:http'
import { type Configuration, Provider } from 'oidc-provider'
import { freePort } from '#lib/dev/ports.ts'

export type TestPerson = { email: string; name: string; groups: string[]; emailVerified?: boolean }

export type IdentityProvider = {
  issuer: string
  clientId: string
  clientSecret: string
  /** Who may log in, by account id; changed while it runs. */
  people: Map<string, TestPerson>
  stop(): Promise<void>
}

/** A real OpenID Connect provider on loopback with one client that must use PKCE; its login form takes any account id of `people`. */
export async function startIdentityProvider(redirectUri: string): Promise<IdentityProvider> {
  const port = await freePort()
  const issuer = `http://localhost:${port}`
  const client = { clientId: 'wheelhouse', clientSecret: 'a-secret-that-is-long-enough-for-it' }
  const people = new Map<string, TestPerson>()
  const configuration: Configuration = {
    clients: [{ client_id: client.clientId, client_secret: client.clientSecret, redirect_uris: [redirectUri] }],
    cookies: { keys: ['test'] },
    pkce: { required: () => true },
    claims: { openid: ['sub'], email: ['email', 'email_verified'], profile: ['name', 'groups'] },
    ttl: { Interaction: 600, Session: 600, Grant: 600, AccessToken: 600, IdToken: 600 },
    features: { devInteractions: { enabled: true } },
    findAccount: (_, sub) => {
      const person = people.get(sub)
      if (!person) return undefined
      const { email, name, groups, emailVerified = true } = person
      return { accountId: sub, claims: () => ({ sub, email, name, groups, email_verified: emailVerified }) }
    },
  }
  const provider = quietly(() => new Provider(issuer, configuration))
  const answer = provider.callback()
  const server = createServer((request, response) => void answer(request, response))
  await new Promise<void>((resolve) => server.listen(port, 'localhost', resolve))
  return {
    issuer,
    ...client,
    people,
    stop: () => {
      server.closeAllConnections()
      return new Promise((resolve) => server.close(() => resolve()))
    },
  }
}

// It warns that a development login form is no production one, which this is not.
function quietly<T>(make: () => T): T {
  const { warn, info } = console
  console.warn = console.info = () => {}
  try {
    return make()
  } finally {
    Object.assign(console, { warn, info })
  }
}
