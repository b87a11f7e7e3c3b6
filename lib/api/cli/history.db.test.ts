import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'vitest'
import { permissions } from '#lib/auth/permissions.ts'
import { makeToken, openApiPortal } from '#lib/dev/test/api-portal.ts'
import { dbTest } from '#lib/dev/test/db-test.ts'
import { makeAgent, makePerson } from '#lib/dev/test/fleet.ts'
import { instant } from '#lib/dev/test/instant.ts'
import { makeGrant, makeServer } from '#lib/dev/test/registry.ts'
import { startCli } from '#lib/dev/test/run-cli.ts'

dbTest(
  'the command line asks about an instant and the difference of two, and looks after agents whose people leave',
  async ({ db, database }) => {
    const server = await (await openApiPortal(database)).listen()
    const home = await mkdtemp(join(tmpdir(), 'wheelhouse-cli-'))
    try {
      const person = await makePerson(db)
      const token = await makeToken(db, { personId: person.id, permissions })
      const env = { WHEELHOUSE_URL: server.url, WHEELHOUSE_TOKEN: token }
      const run = (...args: string[]) => startCli(args, { home, env }).ended
      const serverId = await makeServer(db)
      const { id } = await makeAgent(db, { name: 'Before' })
      const grantId = await makeGrant(db, { agentId: id, serverId, class: 'write' })
      const then = (await instant(db)).toISOString()
      await db.agent.update({ where: { id }, data: { name: 'After' } })
      await db.grant.update({ where: { id: grantId }, data: { revokedAt: new Date() } })

      expect((await run('agents', 'show', id, '--as-of', then)).out).toContain('Before')
      expect((await run('agents', 'list', 'can:write', '--as-of', then)).out).toContain(id)
      expect((await run('agents', 'list', 'can:write')).out).toContain('No agent matches')
      expect((await run('scopes', 'grants', '--agent', id, '--as-of', then)).out).toContain(grantId)
      const diff = await run('agents', 'diff', id, '--from', then)
      expect(diff.out).toContain('name: "Before" → "After"')
      expect(diff.out).toContain(`- grant ${serverId} write`)
      const list = await run('agents', 'diff', '-q', 'can:write', '--from', then)
      expect(list.out).toContain(`- ${id}`)
      expect(list.out).toContain(`  ${id}: lost ${serverId} read, ${serverId} write`)
      expect(JSON.parse((await run('agents', 'history', id, '--json')).out)).toMatchObject({ items: { length: 4 } })
      await db.person.update({
        where: { id: (await db.agent.findUniqueOrThrow({ where: { id } })).accountablePersonId },
        data: { active: false },
      })
      const admin = await makePerson(db, { roles: ['platform_admin'] })
      const asAdmin = { ...env, WHEELHOUSE_TOKEN: await makeToken(db, { personId: admin.id, permissions }) }
      const runAsAdmin = (...args: string[]) => startCli(args, { home, env: asAdmin }).ended
      expect((await run('agents', 'orphaned')).out).toContain(id)
      expect((await run('agents', 'take-over', id, '--person', person.email)).code).toBe(1)
      const taken = await runAsAdmin('agents', 'take-over', id, '--person', person.email)
      expect(taken.out).toContain(`answers for ${id} now`)
      const left = await runAsAdmin('people', 'deactivate', person.email, '--reason', 'left')
      expect(left.out).toContain('is deactivated')
      expect((await runAsAdmin('people', 'list', '--search', person.email)).out).toContain('deactivated')
      expect((await runAsAdmin('people', 'reactivate', person.email, '--reason', 'back')).code).toBe(0)
      const wrong = await runAsAdmin('agents', 'show', id, '--as-of', '1999-01-01')
      expect(wrong).toMatchObject({ code: 1, err: expect.stringContaining('The records begin at') })
    } finally {
      await server.close()
      await rm(home, { recursive: true, force: true })
    }
  },
  180_000,
)
