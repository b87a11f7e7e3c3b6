import { expect } from 'vitest'
import { createTokenIssuer, issueAgentCredential } from '#lib/auth/commands/agent-tokens.ts'
import { makeAgent, makeRun, portalUrl, secretBox, sessionToken } from '#lib/dev/test/broker.ts'
import { brokerWorld, postCall, until } from '#lib/dev/test/broker-world.ts'
import { dbTest } from '#lib/dev/test/db-test.ts'
import { ctxFor, makePerson, makeTemplate } from '#lib/dev/test/fleet.ts'
import { makeGrant } from '#lib/dev/test/registry.ts'
import { askForToken, systemCtx } from '#lib/dev/test/tokens.ts'
import { idJagClaims, startIssuer } from '#lib/dev/test/trusted-issuer.ts'
import { createHoldRule, decideHeldCall, openHoldBypass } from '#lib/guardrails/commands.ts'
import { createHoldRuleInput } from '#lib/guardrails/schema/held-calls.ts'
import { openHoldBypassInput } from '#lib/guardrails/schema/hold-bypasses.ts'
import { waitingCall } from '../testing/hold-world.ts'
import { startBroker } from '../testing/start-broker.ts'

dbTest('one person does not let through alone what they are behind', async ({ db, databaseUrl, onTestFinished }) => {
  const world = await brokerWorld({ db, databaseUrl, startBroker })
  onTestFinished(() => world.stop())
  const { keeper } = world.broker.broker
  const one = await makePerson(db, { roles: ['on_call', 'platform_admin'] })
  const other = await makePerson(db, { roles: ['security', 'platform_admin'] })
  const third = await makePerson(db, { roles: ['security'] })
  const ruleInput = { title: 'Changes wait', class: 'write', deciderRoles: ['security', 'on_call'] }
  const { ruleId } = await createHoldRule(ctxFor(db, other), createHoldRuleInput.parse(ruleInput))
  const agent = await makeAgent(db, { run: { requestedById: one.id } })
  const { agentId } = agent
  await makeGrant(db, { agentId, serverId: 'modern', class: 'write' })
  const runBy = async (requestedById: string | null) =>
    await sessionToken(db, world.broker.url, { ...agent, runId: await makeRun(db, agentId, { requestedById }) })
  const idp = await startIssuer()
  onTestFinished(() => idp.stop())
  await db.person.update({ where: { id: one.id }, data: { subject: `${idp.url}|one` } })
  const agents = ['one', 'a stranger'].map((subject) => ({ agent: agentId, subject }))
  const issuer = createTokenIssuer({
    url: portalUrl,
    brokerUrl: world.broker.url,
    secretBox,
    trustedIssuers: [{ use: 'identity-assertions', issuer: idp.url, jwks: idp.jwks, agents }],
  })
  const issuedBy = async (person: typeof one, { drivenBy }: { drivenBy?: 'one' | 'a stranger' } = {}) => {
    const { clientId, clientSecret } = await issueAgentCredential(ctxFor(db, person), { agentId })
    const form: Record<string, string> = { client_id: clientId, client_secret: clientSecret! }
    if (drivenBy) {
      const claims = idJagClaims({ audience: portalUrl, subject: drivenBy, clientId, now: new Date() })
      form['assertion'] = await idp.sign(claims, { typ: 'oauth-id-jag+jwt' })
      form['grant_type'] = 'urn:ietf:params:oauth:grant-type:jwt-bearer'
    }
    const issued = await askForToken(systemCtx(db), issuer, { form })
    if (!issued.ok) throw new Error(issued.error.message)
    return issued.value.token
  }
  const templateId = await makeTemplate(db)
  const written = { templateId, templateVersion: '1.0.0', layer: { prompt: 'Change it.', parameters: {} } }
  await db.agentVersion.create({
    data: { agentId, version: 2, ...written, rendered: {}, digest: 'two', createdById: one.id },
  })
  const ofTheirVersion = await makeRun(db, agentId, { requestedById: other.id, agentVersion: 2 })
  const tokens = {
    theirVersion: await sessionToken(db, world.broker.url, { ...agent, runId: ofTheirVersion }, 2),
    theirRun: await sessionToken(db, world.broker.url, agent),
    theirCredential: await issuedBy(one),
    theyDrive: await issuedBy(other, { drivenBy: 'one' }),
    nobodyKnownDrives: await issuedBy(other, { drivenBy: 'a stranger' }),
    nobodyKnownStarted: await runBy(null),
    otherRun: await runBy(other.id),
    otherCredential: await issuedBy(other),
  }
  const reason = 'The queue must be empty before the auditors come.'
  const bypassed = (count: number) => keeper.view.holdRules.some(({ bypasses = [] }) => bypasses.length === count)
  const open = (person: typeof one) =>
    openHoldBypass(
      ctxFor(db, person),
      openHoldBypassInput.parse({ ruleId, agentId: person === one ? null : agentId, reason }),
    )
  const call = async (token: string, word: string) => {
    const params = { name: 'change', arguments: { word } }
    const body = JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'tools/call', params })
    return (await postCall(world, { token, body, serverId: 'modern' })).text
  }
  const waits = async (token: string, word: string) => {
    const answer = call(token, word)
    const { id, startedById, drivenById, agentVersion } = await waitingCall(db, agent)
    // Nor does their own approval.
    const approve = { heldCallId: id, decision: 'approve' } as const
    const outcome = await decideHeldCall(ctxFor(db, one), approve)
    if ([startedById, drivenById].includes(one.id))
      expect(outcome).toMatchObject({ error: { rule: 'approvals:own_run' } })
    else if (agentVersion === 2) expect(outcome).toMatchObject({ error: { rule: 'approvals:own_version' } })
    else expect(outcome).toMatchObject({ ok: true })
    if (!outcome.ok) await decideHeldCall(ctxFor(db, third), { heldCallId: id, decision: 'reject', note: 'Not now.' })
    return (await answer).includes('call_rejected') ? 'refused' : 'approved'
  }
  expect(await open(one)).toMatchObject({ ok: true })
  await until(() => bypassed(1))
  await keeper.refresh()
  expect(await waits(tokens.theirRun, 'own run')).toBe('refused')
  expect(await waits(tokens.theirCredential, 'own credential')).toBe('refused')
  expect(await waits(tokens.theyDrive, 'driven')).toBe('refused')
  expect(await waits(tokens.theirVersion, 'own version')).toBe('refused')
  expect(await call(tokens.otherRun, 'by another')).toContain('changed by another')
  expect(await call(tokens.otherCredential, 'issued by another')).toContain('changed issued by another')
  // One that is issued while the broker runs is known to it, too.
  const known = () => Object.keys(keeper.view.agents.get(agentId)?.credentialIssuers ?? {}).length
  const before = known()
  const late = await issuedBy(other)
  await until(() => known() === before + 1)
  expect(await call(late, 'issued later')).toContain('changed issued later')
  // Where nobody knows who is behind it, a person decides.
  expect(await waits(tokens.nobodyKnownStarted, 'started by nobody')).toBe('approved')
  expect(await waits(tokens.nobodyKnownDrives, 'driven by nobody')).toBe('approved')
  // With a second person's bypass it takes two.
  expect(await open(other)).toMatchObject({ ok: true })
  await until(() => bypassed(2))
  expect(await call(tokens.theirRun, 'two people')).toContain('changed two people')
  expect(await call(tokens.otherRun, 'two people')).toContain('changed two people')
})
