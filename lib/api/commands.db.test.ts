import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { expect } from 'vitest'
import { permissions, type Permission, roles, rolesWith } from '#lib/auth/permissions.ts'
import { root, sourceFiles } from '#lib/dev/source-files.ts'
import { dbTest as test } from '#lib/dev/test/db-test.ts'
import { ctxFor, makePerson } from '#lib/dev/test/fleet.ts'

type Row =
  /** Called by a process of the platform or a test: whoever has this permission may, whoever has not may not. */
  | { needs: Permission }
  /** Only processes of the platform may, whatever roles a person has. */
  | 'platform'
  /** No command that somebody calls for themselves. */
  | { not: string }

const part = { not: 'a part of commands, which authorize' }
const door = { not: 'authenticates whoever sends it by what is sent' }
const job = { not: 'a job of the worker: nothing of a caller goes into it' }
const made = { not: 'puts a part of a process together' }

/** Commands that no endpoint and no page calls; of the others docs/permissions.md says who may. */
const rows: Record<string, Row> = {
  TooManyNames: { not: 'an error' },
  auditRow: part,
  recordAudit: part,
  answerTokenRequest: door,
  issueAgentToken: door,
  answerRevocationRequest: door,
  revokeAgentToken: door,
  createTokenIssuer: made,
  mintSessionToken: 'platform',
  publicJwks: { not: 'public keys' },
  createClientDocuments: made,
  registerAppClient: door,
  authenticateAppToken: door,
  exchangeAppToken: door,
  forgetAppTokens: job,
  revokeAppToken: door,
  beginIdempotent: part,
  forgetIdempotentRequests: job,
  forgetUnwritten: job,
  keepAnswer: part,
  keepCredentialIssuer: 'platform',
  namedIssuer: { not: 'reads what a server names, and writes nothing' },
  writeUnderClaim: part,
  deactivateUnseen: 'platform',
  countUses: part,
  forgetRateLimits: job,
  forgetLoginSessions: job,
  signInWithOidc: door,
  authenticateAccessToken: door,
  claimProof: 'platform',
  ensureAdminToken: { not: 'writes a file that only its owner reads' },
  createClaudePort: made,
  cancelHeldCall: 'platform',
  endHeldCalls: 'platform',
  endHoldBypasses: { needs: 'holds:bypass' },
  holdCall: 'platform',
  holdCallWithin: 'platform',
  keepAccessTable: job,
  lookAtHeldCalls: 'platform',
  remindOfHeldCalls: 'platform',
  settleHeldCall: 'platform',
  draftPolicySet: { needs: 'policies:manage' },
  startLogOnly: { needs: 'policies:manage' },
  endLogOnly: { needs: 'policies:manage' },
  enforcePolicySet: { needs: 'policies:manage' },
  rollBackPolicySet: { needs: 'policies:manage' },
  discardPolicySet: { needs: 'policies:manage' },
  setTrialTerms: { needs: 'policies:manage' },
  syncPolicySets: { needs: 'policies:manage' },
  runPolicyReplay: { needs: 'policies:manage' },
  forgetPolicyReplays: { needs: 'policies:manage' },
  createKeyring: made,
  proveKeyring: made,
  rewrapSealed: 'platform',
  acknowledgeStop: 'platform',
  enforceStops: 'platform',
  activateAgent: 'platform',
  recordCreationStep: 'platform',
  refreshAgentServers: { needs: 'agents:update' },
  watchOrphans: 'platform',
  watchReviews: 'platform',
  addPrice: { needs: 'costs:manage' },
  countRunEnd: part,
  forgetTraffic: { needs: 'costs:manage' },
  recordUsage: part,
  refreshOverBudget: { needs: 'costs:manage' },
  rollUpDays: { needs: 'costs:manage' },
  rollUpTraffic: { needs: 'costs:manage' },
  seedPriceBook: { needs: 'costs:manage' },
  collectNotifications: job,
  createMailer: made,
  createNotificationDispatcher: made,
  forgetNotifications: job,
  makeDigests: job,
  agentSubject: part,
  beatProcess: 'platform',
  closeAdopted: part,
  closeGone: 'platform',
  createTeam: { needs: 'teams:manage' },
  endProcessBeat: 'platform',
  forgetFleetChanges: 'platform',
  forgetPackages: 'platform',
  forgetServerHealth: 'platform',
  forgetServerProbes: 'platform',
  forgetStdioProcesses: { needs: 'servers:manage' },
  forgetUnregistered: job,
  lockAgent: part,
  noteUnregistered: 'platform',
  putCredential: part,
  recordCredentialExpiry: 'platform',
  recordCredentialTrouble: 'platform',
  recordCredentialUse: 'platform',
  recordCredentialWorks: 'platform',
  recordServerHealth: { needs: 'servers:manage' },
  recordServerTools: { needs: 'servers:manage' },
  recordToolsUnlisted: { needs: 'servers:manage' },
  recordStdioProcess: { needs: 'servers:manage' },
  runServerProbe: { needs: 'servers:manage' },
  warnOfExpiry: 'platform',
  breakGlass: part,
  decideScopeRequest: part,
  endAllScopes: part,
  grantDirectly: part,
  remindOfScopes: { needs: 'grants:revoke' },
  syncTemplates: { needs: 'templates:publish' },
  UpstreamAuthProblem: part,
  challengeResponse: part,
  clientCredentialsToken: part,
  clientMetadataOf: { not: 'what the portal says of itself to everybody' },
  completeAuthorization: { needs: 'servers:manage' },
  proverFor: part,
  provenClientToken: part,
  enterpriseToken: part,
  personToken: part,
  workloadToken: part,
  holdBackSettings: part,
  collectWebhookDeliveries: job,
  createSender: made,
  createWebhookDispatcher: made,
  forgetWebhookDeliveries: job,
}

type Command = (ctx: object, input: object) => unknown

test('every command is one of an endpoint or a page, or has a row', async () => {
  const called = sourceFiles(['app']).filter(({ path }) => !path.includes('.test.'))
  const text = called.map((file) => file.text).join('\n')
  const known = await commands()
  const isCalled = (name: string) => new RegExp(`\\b${name}\\b`).test(text)
  expect([...known.keys()].filter((name) => !isCalled(name) && !(name in rows))).toEqual([])
  expect(Object.keys(rows).filter((name) => !known.has(name))).toEqual([])
})

test('what only processes of the platform do is refused to a person with every role', async ({ db }) => {
  const everybody = await makePerson(db, { roles })
  const all = await commands()
  for (const [name, row] of Object.entries(rows)) {
    if (row !== 'platform') continue
    expect({ name, code: await codeOf(all.get(name)!, ctxFor(db, everybody)) }).toEqual({ name, code: 'forbidden' })
  }
})

test('what needs a permission is refused to every role without it, and to none that has it', async ({ db }) => {
  const all = await commands()
  const people = await Promise.all(roles.map((role) => makePerson(db, { roles: [role] })))
  for (const [name, row] of Object.entries(rows)) {
    if (typeof row === 'string' || !('needs' in row)) continue
    const allowed: string[] = []
    for (const person of people) {
      if ((await codeOf(all.get(name)!, ctxFor(db, person))) !== 'forbidden') allowed.push(...person.roles)
    }
    expect({ name, allowed }).toEqual({ name, allowed: rolesWith(row.needs) })
  }
})

test('a permission that nothing asks for is none', () => {
  const asked = sourceFiles(['lib', 'app']).filter(({ path }) => !/\.test\.|lib\/auth\/permissions\.ts$/.test(path))
  const text = asked.map((file) => file.text).join('\n')
  expect(permissions.filter((permission) => !text.includes(`'${permission}'`))).toEqual([])
})

/** Every function that a door of commands exports, by its name. */
async function commands(): Promise<Map<string, Command>> {
  const found = new Map<string, Command>()
  for (const name of readdirSync(join(root, 'lib'))) {
    for (const file of doorsOf(name)) {
      const exported = (await import(/* @vite-ignore */ file)) as Record<string, unknown>
      for (const [command, value] of Object.entries(exported)) {
        if (typeof value === 'function') found.set(command, value as Command)
      }
    }
  }
  return found
}

/** Of a module whose commands have no file of their own, every file in the folder. */
function doorsOf(name: string): string[] {
  const folder = join(root, 'lib', name)
  if (existsSync(join(folder, 'commands.ts'))) return [join(folder, 'commands.ts')]
  if (!existsSync(join(folder, 'commands'))) return []
  const files = readdirSync(join(folder, 'commands')).filter((file) => /^(?!.*\.test\.).*\.ts$/.test(file))
  return files.map((file) => join(folder, 'commands', file))
}

/** With nothing to work on a command gets no further than its permission. */
async function codeOf(command: Command, ctx: object): Promise<string | null> {
  try {
    await command(ctx, {})
    return null
  } catch (error) {
    return (error as { code?: string }).code ?? null
  }
}
