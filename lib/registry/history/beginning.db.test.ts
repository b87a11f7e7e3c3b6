import { cp, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import pg from 'pg'
import { expect, inject } from 'vitest'
import { createDb } from '#lib/db/client.ts'
import { migrate } from '#lib/db/migrate.ts'
import { migrationsFolder, readMigrations } from '#lib/db/migrations.ts'
import { dbTest } from '#lib/dev/test/db-test.ts'
import { fillDatabase } from '#lib/dev/test/fill-database.ts'
import { ctxFor } from '#lib/dev/test/fleet.ts'
import { besidesTools } from '#lib/dev/test/registry.ts'
import { cloneTemplate } from '#lib/dev/test/template-database.ts'
import { getAgentAsOf, listAgentMoments, listAgents } from '../queries.ts'

/** As an installation was before it kept a history: one agent that may write. */
const before = `
  insert into "Team" ("id", "name") values ('old', 'Old team');
  insert into "Person" ("id", "email", "name") values ('00000000-0000-7000-8000-0000000000aa', 'ada@example.test', 'Ada');
  insert into "Template" ("id", "name", "summary") values ('t', 'T', '');
  insert into "TemplateVersion" ("templateId", "version", "manifest", "prompt", "changelog", "evals", "digest")
    values ('t', '1.0.0', '{}', '', '', '[]', 'd');
  insert into "Agent" ("id", "name", "purpose", "ownerTeamId", "accountablePersonId", "tier", "status", "currentVersion")
    values ('veteran', 'Veteran', 'was there before', 'old', '00000000-0000-7000-8000-0000000000aa', 'high', 'active', 1);
  insert into "AgentVersion" ("agentId", "version", "templateId", "templateVersion", "layer", "rendered", "digest")
    values ('veteran', 1, 't', '1.0.0', '{"prompt": "", "parameters": {}}', '{"model": "claude-sonnet-5-5"}', 'd');
  insert into "McpServer" ("id", "name", "description", "url", "environment", "sensitivity", "updatedAt")
    values ('erp', 'ERP', '', 'http://127.0.0.1:9', 'staging', 'internal', now());
  insert into "McpTool" ("serverId", "name", "description", "inputSchema", "annotations", "class", "state", "definitionHash")
    values ('erp', 'change', '', '{}', '{}', 'write', 'approved', 'h');
  insert into "Grant" ("id", "agentId", "serverId", "class", "reason", "via")
    values (gen_random_uuid(), 'veteran', 'erp', 'write', 'because', 'request');`

dbTest('the records of an installation that was there before begin with what it was', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'migrations-'))
  const database = await cloneTemplate(inject('testDatabase').serverUrl, 'template1')
  const { databaseUrl } = database
  const db = createDb(databaseUrl, { poolSize: 2 })
  try {
    for (const { name } of await readMigrations()) {
      if (name < '0024_history') await cp(join(migrationsFolder, name), join(folder, name), { recursive: true })
    }
    await migrate({ databaseUrl, folder })
    const client = new pg.Client({ connectionString: databaseUrl })
    await client.connect()
    await client.query(before)
    await client.end()
    expect(await migrate({ databaseUrl })).toContain('0024_history')
    await fillDatabase(databaseUrl)

    const { began } = await db.historyHead.findUniqueOrThrow({ where: { id: 1 } })
    const asOf = began.toISOString()
    await setTimeout(3)
    await db.agent.update({ where: { id: 'veteran' }, data: { name: 'Newer', purpose: 'is there still' } })
    await db.grant.updateMany({ data: { revokedAt: new Date() } })
    expect(await getAgentAsOf(ctxFor(db), { agentId: 'veteran', asOf })).toMatchObject({
      name: 'Veteran',
      owner: { name: 'Old team' },
      accountable: { name: 'Ada', active: true },
      model: 'claude-sonnet-5-5',
      template: { id: 't', version: '1.0.0', latest: '1.0.0' },
      access: [
        {
          serverId: 'erp',
          tools: [],
          // No policies were kept then.
          unreached: [
            { why: 'it is not known what the central policies keep out of reach', tools: ['change', ...besidesTools] },
          ],
        },
      ],
    })
    expect((await listAgents(ctxFor(db), { q: 'status:active', asOf })).items.map(({ name }) => name)).toEqual([
      'Veteran',
    ])
    // Nobody wrote down which central policies were in force then.
    await expect(listAgents(ctxFor(db), { q: 'can:write', asOf })).rejects.toMatchObject({
      details: { rule: 'history:policies' },
    })
    expect((await listAgents(ctxFor(db), { q: 'can:write' })).total).toBe(0)
    expect((await listAgentMoments(ctxFor(db), { agentId: 'veteran' })).items).toMatchObject([
      { entry: false, grants: true },
      { entry: true, grants: false },
      { at: asOf, entry: true, grants: true },
    ])
    const tooEarly = new Date(began.getTime() - 1).toISOString()
    await expect(getAgentAsOf(ctxFor(db), { agentId: 'veteran', asOf: tooEarly })).rejects.toMatchObject({
      code: 'invalid',
      details: { earliest: asOf },
    })
  } finally {
    await db.$disconnect()
    await database.drop()
    await rm(folder, { recursive: true, force: true })
  }
})
