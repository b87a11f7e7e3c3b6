import { tmpdir } from 'node:os'
import { onTestFinished } from 'vitest'
import { runProgram } from '#lib/api/cli/program.ts'
import { recordedTerminal } from '#lib/api/cli/testing/recorded-terminal.ts'
import { permissions as allPermissions, roles } from '#lib/auth/permissions.ts'
import { parseCliConfig } from '#lib/config/cli.ts'
import { makeToken, openApiPortal } from './api-portal.ts'
import { makePerson } from './fleet.ts'

/** The command line in this process, as somebody of this team who may do everything. */
export async function commandLine(database: Parameters<typeof openApiPortal>[0], team: string) {
  const portal = await (await openApiPortal(database)).listen()
  onTestFinished(() => portal.close())
  const person = await makePerson(database.db, { roles, teamIds: [team] })
  const token = await makeToken(database.db, { personId: person.id, permissions: allPermissions })
  const config = parseCliConfig({ WHEELHOUSE_URL: portal.url, WHEELHOUSE_TOKEN: token, HOME: tmpdir() })
  return async (args: string[], input = '') => {
    const { terminal, said } = recordedTerminal({ input })
    process.exitCode = undefined
    const code = await runProgram({ config, terminal }, args)
    process.exitCode = undefined
    return { code, ...said }
  }
}
