import { expect } from 'vitest'
import { createTokenIssuer, issueAgentCredential } from '#lib/auth/commands/agent-tokens.ts'
import type { Db } from '#lib/db/client.ts'
import { makeAgent, portalUrl, secretBox } from '#lib/dev/test/broker.ts'
import { until } from '#lib/dev/test/broker-world.ts'
import { ctxFor, makePerson } from '#lib/dev/test/fleet.ts'
import { makeGrant } from '#lib/dev/test/registry.ts'
import { askForToken, systemCtx } from '#lib/dev/test/tokens.ts'
import { idJagClaims, startIssuer } from '#lib/dev/test/trusted-issuer.ts'
import { decideHeldCall } from '#lib/guardrails/commands.ts'
import { whoMayDecide } from '#lib/guardrails/queries/deciders.ts'
import { getHeldCall, listHeldCalls } from '#lib/guardrails/queries/held-calls.ts'
import { holdTest as test } from '../testing/hold-world.ts'
import { modernCall, RawAgent } from '../testing/raw-agent.ts'

// One credential with which a client acts for several people, as an identity provider says.

test('the same call that a client sends for two people is two, and neither lets their own through', async ({
  db,
  world,
  onTestFinished,
}) => {
  const { idp, send, held } = await driven(db, world.broker, onTestFinished)
  const [ada, ben] = [await makePerson(db, { roles: ['security'] }), await makePerson(db, { roles: ['security'] })]
  await signedIn(db, ada.id, `${idp.url}|ada`)
  await signedIn(db, ben.id, `${idp.url}|ben`)
  const adas = send('ada')
  await until(async () => (await held()).length === 1)
  const bens = send('ben')
  await until(async () => (await held()).length === 2)
  const [first, second] = await held()
  expect([first?.drivenById, second?.drivenById]).toEqual([ada.id, ben.id])
  const decide = (person: typeof ada, call: typeof first, decision: 'approve' | 'reject') =>
    decideHeldCall(ctxFor(db, person), { heldCallId: call!.id, decision, note: 'Once is enough.' })
  expect(await decide(ada, first, 'approve')).toMatchObject({ error: { rule: 'approvals:own_run' } })
  expect(await decide(ben, second, 'approve')).toMatchObject({ error: { rule: 'approvals:own_run' } })
  expect(await decide(ada, second, 'approve')).toMatchObject({ ok: true })
  expect(await bens).toContain('changed driven')
  expect(await decide(ben, first, 'reject')).toMatchObject({ ok: true })
  expect(await adas).toContain('Once is enough.')
})

test('who had never signed in here when their call was held does not decide about it once they have', async ({
  db,
  world,
  onTestFinished,
}) => {
  const { idp, send, held } = await driven(db, world.broker, onTestFinished)
  const answer = send('ada')
  await until(async () => (await held()).length === 1)
  // Another one whom nobody knows, with the same credential.
  const bens = send('ben')
  await until(async () => (await held()).length === 2)
  const [first, second] = await held()
  expect(first).toMatchObject({ drivenById: null, drivenBySubject: `${idp.url}|ada` })
  const ada = await makePerson(db, { roles: ['security'] })
  const approve = { heldCallId: first!.id, decision: 'approve' } as const
  const byThem = ctxFor(db, ada)
  const people = [ada, world.security].map((each) => ctxFor(db, each).actor) as Deciders
  expect(await whoMayDecide(byThem, { heldCallId: first!.id, people })).toHaveLength(2)
  await signedIn(db, ada.id, `${idp.url}|ada`)
  const refused = { rule: 'approvals:own_run' }
  expect(await decideHeldCall(byThem, approve)).toMatchObject({ error: refused })
  expect((await getHeldCall(byThem, first!.id)).decidable).toMatchObject({ allowed: false, refusal: refused })
  expect(await whoMayDecide(byThem, { heldCallId: first!.id, people })).toMatchObject([{ id: world.security.id }])
  const page = { state: 'waiting', first: 'decidable', limit: 50 } as const
  const inOrder = (await listHeldCalls(byThem, page)).items.map(({ id }) => id)
  expect(inOrder.indexOf(second!.id)).toBeLessThan(inOrder.indexOf(first!.id))
  expect(await decideHeldCall(byThem, { ...approve, heldCallId: second!.id })).toMatchObject({ ok: true })
  expect(await bens).toContain('changed driven')
  expect(await decideHeldCall(ctxFor(db, world.security), approve)).toMatchObject({ ok: true })
  expect(await answer).toContain('changed driven')
})

type Deciders = Parameters<typeof whoMayDecide>[1]['people']

async function driven(db: Db, broker: { url: string }, onTestFinished: (end: () => Promise<void>) => void) {
  const { agentId } = await makeAgent(db)
  await makeGrant(db, { agentId, serverId: 'modern', class: 'write' })
  const idp = await startIssuer()
  onTestFinished(() => idp.stop())
  const agents = ['ada', 'ben'].map((subject) => ({ agent: agentId, subject }))
  const issuer = createTokenIssuer({
    url: portalUrl,
    brokerUrl: broker.url,
    secretBox,
    trustedIssuers: [{ use: 'identity-assertions', issuer: idp.url, jwks: idp.jwks, agents }],
  })
  const { clientId, clientSecret } = await issueAgentCredential(systemCtx(db), { agentId })
  const send = async (subject: string) => {
    const claims = idJagClaims({ audience: portalUrl, subject, clientId, now: new Date() })
    const form = {
      client_id: clientId,
      client_secret: clientSecret!,
      grant_type: 'urn:ietf:params:oauth:grant-type:jwt-bearer',
      assertion: await idp.sign(claims, { typ: 'oauth-id-jag+jwt' }),
    }
    const issued = await askForToken(systemCtx(db), issuer, { form })
    if (!issued.ok) throw new Error(issued.error.message)
    const agent = new RawAgent(`${broker.url}/mcp/modern`, issued.value.token)
    return JSON.stringify((await agent.ask(modernCall('change', { more: { arguments: { word: 'driven' } } }))).last)
  }
  const held = () => db.heldCall.findMany({ where: { agentId }, orderBy: { id: 'asc' } })
  return { idp, send, held }
}

async function signedIn(db: Db, id: string, subject: string): Promise<void> {
  await db.person.update({ where: { id }, data: { subject } })
}
