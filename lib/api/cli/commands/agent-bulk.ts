import { readFile } from 'node:fs/promises'
import type { Command } from 'commander'
import { routes } from '../../routes.ts'
import { addVerb, type Cli, type Setup } from '../cli.ts'
import { exitCodes, Failed, UsageError } from '../errors.ts'
import { count, minute, oneLine, plain } from '../text.ts'

type Bulk = { query?: string; reason?: string; dryRun?: boolean }

/** So many at a time. */
const bulkMax = 500

/** Several agents at once, and what agents outside of the harness sign in with. */
export function addAgentBulkVerbs(agents: Command, setup: Setup): void {
  addVerb<Bulk>(agents, setup, {
    name: 'bulk <move> [ids...]',
    says: `Suspend or resume several agents, named or found by a query; each is moved for itself.
The move is suspend or resume. --dry-run says which could be moved, and why not the others.`,
    examples: [
      'wheelhouse agents bulk suspend --query "idle:>30d -status:suspended" --dry-run',
      'wheelhouse agents bulk suspend agent-a agent-b --reason "They post to the wrong ledger."',
    ],
    options: (command) =>
      command
        .option('-q, --query <query>', 'those that match, as agents list takes it')
        .option('--reason <text>', 'why; the owners and the audit log keep it')
        .option('--dry-run', 'only say what would happen'),
    run: bulkVerb,
  })
  addVerb(agents, setup, {
    name: 'credentials <id>',
    says: 'List the credentials of an agent for use outside of the harness.',
    run: async (cli, { args: [id = ''] }) => {
      const list = await (await cli.client()).all(routes.agents.listCredentials, { params: { id } })
      cli.show(list, () =>
        list.items.length === 0
          ? 'It has none.'
          : cli.table(
              [
                { title: 'CLIENT', value: (row) => row.clientId },
                { title: 'WITH', value: (row) => row.kind },
                { title: 'MADE', value: (row) => minute(row.createdAt) },
                { title: 'LAST USED', value: (row) => minute(row.lastUsedAt) },
                { title: 'REVOKED', value: (row) => minute(row.revokedAt) },
              ],
              list.items,
            ),
      )
    },
  })
  addVerb<{ publicKey?: string }>(agents, setup, {
    name: 'issue-credential <id>',
    says: 'Give an agent a credential for the token endpoint; its secret is told this once.',
    options: (command) => command.option('--public-key <file>', 'a JWK of its own instead of a secret'),
    run: async (cli, { args: [id = ''], options: { publicKey } }) => {
      const body = publicKey === undefined ? {} : { publicJwk: await keyOf(publicKey) }
      const made = await (await cli.client()).call(routes.agents.issueCredential, { params: { id }, body })
      cli.show(made, () => [made.clientId, made.clientSecret].filter(Boolean).join('\n'))
    },
  })
  addVerb<{ client?: string }>(agents, setup, {
    name: 'revoke-credentials <id>',
    says: 'Revoke one credential of an agent, or all of them.',
    options: (command) => command.option('--client <id>', 'only this one'),
    run: async (cli, { args: [id = ''], options: { client } }) => {
      const query = client === undefined ? {} : { clientId: client }
      const { revoked } = await (await cli.client()).call(routes.agents.revokeCredentials, { params: { id }, query })
      cli.show({ revoked }, () => `${count(revoked.length, 'credential')} revoked.`)
    },
  })
}

async function bulkVerb(
  cli: Cli,
  { args: [name = '', ...named], options }: { args: string[]; options: Bulk },
): Promise<number> {
  const move = (['suspend', 'resume'] as const).find((candidate) => candidate === name)
  if (!move) throw new UsageError('The move is suspend or resume.')
  if (named.length > 0 === (options.query !== undefined)) throw new UsageError('Name agents, or give a --query.')
  const client = await cli.client()
  const found =
    options.query === undefined
      ? named
      : (await client.all(routes.agents.list, { query: { q: options.query, limit: 200 } })).items.map(({ id }) => id)
  if (found.length === 0) throw new Failed('No agent matches.')
  if (found.length > bulkMax) throw new Failed(`${found.length} agents match; move at most ${bulkMax} at a time.`)
  const told = (refused: { agentId: string; message: string }[]) =>
    refused.map(({ agentId, message }) => `${plain(agentId)}: ${oneLine(message)}`)
  if (options.dryRun) {
    const plan = await client.call(routes.agents.eligible, { body: { agentIds: found, move } })
    const can = `${plan.eligible.length} of ${count(found.length, 'agent')} can be moved.`
    cli.show(plan, () => [...told(plan.refused), can].join('\n'))
    return exitCodes.ok
  }
  if (options.reason === undefined) throw new UsageError('Say why with --reason.')
  const outcome = await client.call(routes.agents.moveMany, {
    body: { agentIds: found, move, reason: options.reason },
  })
  const done = `${outcome.moved.length} of ${count(found.length, 'agent')} moved.`
  cli.show(outcome, () => [...told(outcome.refused), done].join('\n'))
  return outcome.refused.length === 0 ? exitCodes.ok : exitCodes.failed
}

async function keyOf(file: string): Promise<{ kty: string }> {
  try {
    return JSON.parse(await readFile(file, 'utf8')) as { kty: string }
  } catch (error) {
    throw new Failed(`${file} could not be read as a JWK: ${String(error)}`)
  }
}
