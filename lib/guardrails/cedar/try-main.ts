import { parentPort, workerData } from 'node:worker_threads'
import type { PolicyQuestion } from '../rules/policy-set.ts'
import { checkPolicies } from './check.ts'
import { createCedarPolicySet } from './policy-set.ts'

const { source, schema } = workerData as { source: string; schema: string }

/** What a text is asked first: any call will do, since every policy is looked at. */
const question: PolicyQuestion = {
  agent: { id: 'agent', teamId: 'team', tier: 'medium', templateId: null },
  server: { id: 'server', environment: 'production', sensitivity: 'internal', demo: false },
  tool: { serverId: 'server', name: 'tool', class: 'write' },
  grants: [{ id: 'grant', serverId: 'server', class: 'write', toolName: null, via: 'request', expiresAt: null }],
  simulated: false,
  breakGlass: false,
  session: { agentVersion: 1, startedBy: 'manual' },
  clock: { hour: 12, weekday: 3 },
}

const checked = checkPolicies(source, schema)
let problem: string | null = null
if (checked.problems.length === 0) {
  const set = createCedarPolicySet({ schema, policies: checked.policies.map(({ text }) => text) })
  set.judge(question)
  problem = set.problem
}
const port = parentPort
port?.postMessage({ checked, problem })
