import { join } from 'node:path'
import type { Endpoint } from '#lib/api/endpoint.ts'
import { exampleId } from '#lib/api/routes/params.ts'
import { recordAudit } from '#lib/audit/commands.ts'
import { inTx, systemActor } from '#lib/auth/ctx.ts'
import { permissions, type Role, roles } from '#lib/auth/permissions.ts'
import type { Db } from '#lib/db/client.ts'
import { Prisma } from '#lib/db/generated/client.ts'
import { root } from '#lib/dev/source-files.ts'
import { syncTemplates } from '#lib/templates/commands.ts'
import { makeToken } from './api-portal.ts'
import { ctxFor, makeAgent, makePerson, makeTeam } from './fleet.ts'
import { makeServer } from './registry.ts'

/** A person of each role, in the team that owns the agents of the examples or in another one. */
export type Caller = { role: Role; ownTeam: boolean; personId: string; token: string }

export type PermissionWorld = {
  callers: readonly Caller[]
  /** What an endpoint is called with, where its example names nothing that exists. */
  params: (endpoint: Endpoint) => Record<string, string> | undefined
  /** Puts everything back that a call may have ended, so that the next caller finds it too. */
  restore: () => Promise<void>
}

const { id } = exampleId
const personId = '00000000-0000-7000-8000-000000000001'
const team = 'finance-platform'

/**
 * Everything that the examples of the endpoints name exists: the agents and servers by their names, and one of each thing by the one id of all examples. So a call
 * gets as far as its permissions let it.
 */
export async function permissionWorld(db: Db): Promise<PermissionWorld> {
  await makeTeam(db, { id: team })
  const elsewhere = await makeTeam(db, { id: 'elsewhere' })
  await syncTemplates(ctxFor(db, systemActor('test')), { folder: join(root, 'templates') })
  const hash = '3b7c1f0a9d2e4c5b6a7988f1e2d3c4b5a6978869504132435465768798a9bacb'
  await makeServer(db, { id: 'invoices', tools: { get_invoice: 'read' } })
  const tools = {
    get_purchase_order: 'read',
    delete_order: 'destructive',
    mark_read: 'read',
    post_adjustment: 'write',
  } as const
  await makeServer(db, { id: 'erp', environment: 'production', tools })
  await db.mcpTool.updateMany({ where: { serverId: 'erp' }, data: { definitionHash: hash, state: 'quarantined' } })
  for (const each of [id, personId]) {
    await db.person.create({ data: { id: each, name: `Person ${each.slice(-4)}`, email: `${each}@example.test` } })
  }
  for (const agentId of ['invoice-reconciler-7', 'invoice-reconciler-8']) {
    await makeAgent(db, {
      id: agentId,
      ownerTeamId: team,
      accountablePersonId: personId,
      templateId: 'invoice-reconciler',
    })
  }
  const decisionId = await makeThings(db, { agentId: 'invoice-reconciler-7', serverId: 'erp' })
  const kept = await snapshot(db)
  const callers: Caller[] = []
  for (const role of roles) {
    for (const ownTeam of [true, false]) {
      const { id } = await makePerson(db, { roles: [role], teamIds: [ownTeam ? team : elsewhere] })
      callers.push({ role, ownTeam, personId: id, token: await makeToken(db, { personId: id, permissions }) })
    }
  }
  return {
    callers,
    params: (endpoint) => (endpoint.path === '/api/v1/decisions/{id}' ? { id: decisionId } : endpoint.example?.params),
    restore: () => restore(db, kept),
  }
}

async function makeThings(db: Db, { agentId, serverId }: { agentId: string; serverId: string }): Promise<string> {
  const soon = new Date(Date.now() + 3_600_000)
  const of = { id, agentId }
  await db.run.create({
    data: { ...of, agentVersion: 1, trigger: 'manual', state: 'running', simulated: false, input: '' },
  })
  const found = { kind: 'escalate', title: 'INV-1 differs', detail: {}, sourceId: 'e', runId: id } as const
  await db.escalation.create({ data: { ...of, ...found } })
  const wish = { serverId, class: 'write', reason: 'Post.', requestedById: personId } as const
  await db.scopeRequest.create({ data: { ...of, ...wish } })
  await db.grant.create({
    data: { ...of, serverId, class: 'write', reason: 'Post.', via: 'break_glass', expiresAt: soon },
  })
  await db.breakGlassReview.create({ data: { grantId: id, agentId, openedById: personId } })
  const held = { source: 'broker', digest: 'd', agentVersion: 1, tool: 'post_adjustment', definitionHash: '' }
  const rule = { ruleTitle: 'Waits', deciderRoles: [...roles], onTimeout: 'deny', policyVersion: '', arguments: {} }
  await db.heldCall.create({ data: { ...of, ...held, ...rule, serverId, expiresAt: soon } })
  await db.holdRule.create({ data: { id, title: 'Waits', deciderRoles: ['security'], decideSeconds: 900 } })
  await db.holdBypass.create({ data: { id, ruleId: id, reason: 'Away.', openedById: personId, expiresAt: soon } })
  await db.approvalRule.create({ data: { id, title: 'All', position: 900, steps: [['security']], dueHours: 8 } })
  await db.stopOrder.create({
    data: { id, scope: 'team', targetId: 'elsewhere', reason: 'Odd.', orderedByName: 'Ada' },
  })
  const by = { createdById: personId, createdByName: 'Ada' }
  await db.webhookEndpoint.create({ data: { id, url: 'http://127.0.0.1:9/', description: '', secret: Buffer.of(1), cursor: 0n, ...by } }) // prettier-ignore
  await db.catalogView.create({ data: { id, name: 'Writers', ownerId: personId, shared: true, state: { q: '' } } })
  const seen = { firstSeenAt: new Date(), lastSeenAt: new Date() }
  await db.unregisteredAgent.create({
    data: { id, source: 'import', key: 'k', name: 'K', verified: false, detail: {}, ...seen },
  })
  await db.loosening.create({
    data: {
      id,
      serverId,
      what: 'environment',
      before: 'production',
      after: 'staging',
      proposedById: id,
      proposedAt: new Date(),
    },
  })
  await db.serverProbe.create({ data: { id, url: 'https://erp.example.com/mcp', requestedById: personId } })
  await db.fetchedPackage.create({ data: { id, name: '@acme/tools', version: '1.0.0', requestedById: personId } })
  await db.notificationChannel.create({
    data: { id, teamId: team, name: '#finance', url: Buffer.of(1), host: 'h', ...by },
  })
  const denied = { agentId, serverId, tool: 'get_purchase_order', decision: 'deny', rule: 'grant_missing' } as const
  const subject = { kind: 'tool', id: `${serverId}/get_purchase_order`, name: 'get_purchase_order' }
  const detail = { argumentsDigest: null, class: 'read', message: 'It holds no grant.' }
  await inTx(ctxFor(db), async (tx, ctx) =>
    recordAudit(tx, ctx, { event: 'mcp.call_denied', subject, ...denied, detail }),
  )
  return (await db.auditEvent.findFirstOrThrow({ where: { event: 'mcp.call_denied' } })).id
}

/** What calls may change or delete, by table and key. */
const things: Record<string, readonly string[]> = {
  Person: ['id'],
  Agent: ['id'],
  McpServer: ['id'],
  McpTool: ['serverId', 'name'],
  Loosening: ['id'],
  Run: ['id'],
  Escalation: ['id'],
  ScopeRequest: ['id'],
  Grant: ['id'],
  BreakGlassReview: ['grantId'],
  HeldCall: ['id'],
  HoldRule: ['id'],
  HoldBypass: ['id'],
  ApprovalRule: ['id'],
  StopOrder: ['id'],
  WebhookEndpoint: ['id'],
  CatalogView: ['id'],
  UnregisteredAgent: ['id'],
  ServerProbe: ['id'],
  NotificationChannel: ['id'],
}

type Kept = Record<string, Record<string, unknown>[]>

async function snapshot(db: Db): Promise<Kept> {
  const kept: Kept = {}
  for (const table of Object.keys(things)) {
    const rows = await db.$queryRaw<
      { row: Record<string, unknown> }[]
    >`select to_jsonb(t) as "row" from ${Prisma.raw(`"${table}"`)} t`
    kept[table] = rows.map(({ row }) => row)
  }
  return kept
}

async function restore(db: Db, kept: Kept): Promise<void> {
  // What a change of state has added would stand in the way of the next one.
  await db.scopeApproval.deleteMany()
  await db.grant.deleteMany({ where: { requestId: id } })
  for (const [table, key] of Object.entries(things)) {
    const rows = kept[table] ?? []
    const columns = Object.keys(rows[0] ?? {}).map((column) => `"${column}"`)
    const again = columns.map((column) => `${column} = excluded.${column}`).join(', ')
    await db.$executeRawUnsafe(
      `insert into "${table}" select * from jsonb_populate_recordset(null::"${table}", $1::jsonb)
        on conflict (${key.map((column) => `"${column}"`).join(', ')}) do update set ${again}`,
      JSON.stringify(rows),
    )
  }
  // Versions are for good.
  await db.$executeRaw`
    update "Agent" a set "currentVersion" = (select max("version") from "AgentVersion" v where v."agentId" = a."id")
    where "currentVersion" is not null`
}
