import { revokeAgentCredentials } from '#lib/auth/commands/agent-tokens.ts'
import { makeAgent, sessionToken } from './broker.ts'
import { postCall, until } from './broker-world.ts'
import { credentialToken } from './forged-tokens.ts'
import { forged, type Refusal, refusedTokens } from './refused-tokens.ts'
import { clientKey, dpopProof, systemCtx } from './tokens.ts'

/** Who is refused at the broker's door, and why that matters: one row a kind. */
export const refusals: Refusal[] = [
  ...refusedTokens,
  {
    what: 'a revoked credential',
    guarantee: 'revoking a credential ends its tokens, not only the next ones',
    async present({ db, url, agent }) {
      const { token } = await credentialToken(db, { brokerUrl: url, agentId: agent.agentId })
      await until(async () => (await postCall(worldOf(url), { token })).status === 200, 2000)
      await revokeAgentCredentials(systemCtx(db), { agentId: agent.agentId })
      await until(async () => (await postCall(worldOf(url), { token })).status === 401, 2000)
      return token
    },
    rule: 'token_revoked',
    named: true,
  },
  {
    what: 'the run of another agent',
    guarantee: 'a token stolen from one agent’s session does nothing in another’s',
    async present({ db, url, agent }) {
      const other = await makeAgent(db)
      return forged({ db, url, agent }, { run: other.runId })
    },
    rule: 'run_not_open',
    status: 403,
    error: 'insufficient_scope',
    named: true,
  },
  {
    what: 'a version that is not current',
    guarantee: 'a token does not outlive the version it was issued for',
    present: (given) => forged(given, { agent_version: 7 }),
    rule: 'version_mismatch',
    named: true,
  },
  {
    what: 'a bound token as a bearer token',
    guarantee: 'a DPoP-bound token without its key is worth nothing',
    async present({ db, url, agent }) {
      const key = await clientKey()
      return (await credentialToken(db, { brokerUrl: url, agentId: agent.agentId, key })).token
    },
    rule: 'token_binding',
    named: true,
  },
  {
    what: 'a bearer token as a bound one',
    guarantee: 'a proof nobody asked for proves nothing',
    async present({ db, url, agent }) {
      const { token } = await credentialToken(db, { brokerUrl: url, agentId: agent.agentId })
      const proof = await dpopProof(await clientKey(), { url: `${url}/mcp/modern`, token })
      return { authorization: `DPoP ${token}`, dpop: proof }
    },
    rule: 'token_binding',
    scheme: 'DPoP',
    named: true,
  },
  ...(['retired', 'suspended', 'provisioning'] as const).map((status): Refusal => ({
    what: `an agent that is ${status}`,
    guarantee: 'the registry is asked on every call, not the token',
    async present({ db, url, agent }) {
      const token = await sessionToken(db, url, agent)
      await db.agent.update({ where: { id: agent.agentId }, data: { status } })
      await until(async () => (await postCall(worldOf(url), { token })).status === 403, 2000)
      return token
    },
    rule: 'agent_not_active',
    status: 403,
    error: 'insufficient_scope',
    named: true,
  })),
  {
    what: 'an unregistered agent',
    guarantee: 'registration comes first, whatever was signed',
    present: (given) => forged(given, { sub: `gone-${given.agent.agentId}` }),
    rule: 'agent_unknown',
    status: 403,
    error: 'insufficient_scope',
    named: ({ agent }) => `gone-${agent.agentId}`,
  },
  ...(['agent', 'team', 'organization'] as const).map((scope): Refusal => ({
    what: `an agent stopped by ${scope}`,
    guarantee: 'a stop order outranks every token',
    async present({ db, url, agent }) {
      const token = await sessionToken(db, url, agent)
      const targetId = { agent: agent.agentId, team: agent.teamId, organization: 'organization' }[scope]
      await db.stopOrder.create({ data: { scope, targetId, reason: 'a test', orderedByName: 'Ola' } })
      await until(async () => (await postCall(worldOf(url), { token })).status === 403, 2000)
      return token
    },
    rule: 'killed',
    status: 403,
    error: 'insufficient_scope',
    named: true,
  })),
]

function worldOf(url: string) {
  return { broker: { url } }
}
