import type { Command } from 'commander'
import { routes } from '../../routes.ts'
import type { AppView, Me, TokenView } from '../../answers/account.ts'
import { normalUrl } from '../access.ts'
import { addVerb, type Cli, type Setup } from '../cli.ts'
import { createClient } from '../client.ts'
import { Failed, UsageError } from '../errors.ts'
import { readLogins, writeLogins } from '../login-store.ts'
import { type Column, facts } from '../table.ts'
import { count, day, minute, plain } from '../text.ts'

export function addAccountCommands(program: Command, setup: Setup): void {
  addVerb<{ token?: string }>(program, setup, {
    name: 'login',
    says: `Store a personal access token for this portal.
Make a token in the portal under Settings, Tokens. It is asked for, or read from standard input, checked, and stored for your user
alone (mode 0600). It is sent to that address only. On the machine that runs Wheelhouse you need no login.`,
    examples: ['wheelhouse login --url https://wheelhouse.example.com', 'wheelhouse login < token.txt'],
    options: (command) => command.option('--token <token>', 'the token; other users of the machine may see it there'),
    run: (cli, { options }) => login(cli, options.token),
  })
  addVerb(program, setup, {
    name: 'logout',
    says: 'Forget the token that login has stored for this portal; revoke it with: wheelhouse token revoke.',
    run: logout,
  })
  addVerb(program, setup, {
    name: 'whoami',
    says: 'Show who you are to the portal, and what you may do.',
    run: async (cli) => {
      const [me, access] = [await (await cli.client()).call(routes.account.me, {}), await cli.access()]
      cli.show(me, () => describe(me, `${access.url} (token: ${access.from ?? 'none'})`))
    },
  })
  addTokenCommands(program.command('token').alias('tokens').description('Your personal access tokens.'), setup)
  addAppCommands(program.command('apps').alias('app').description('Apps that read the registry for you.'), setup)
}

function addAppCommands(apps: Command, setup: Setup): void {
  addVerb(apps, setup, {
    name: 'list',
    says: 'List the apps that read the registry for you, such as Claude.',
    run: async (cli) => {
      const list = await (await cli.client()).all(routes.account.listApps, {})
      cli.show(list, () => (list.items.length === 0 ? 'No app is connected.' : cli.table(appColumns, list.items)))
    },
  })
  addVerb(apps, setup, {
    name: 'disconnect <id>',
    says: 'Disconnect an app; it is refused from its next question on.',
    run: async (cli, { args: [id = ''] }) => {
      await (await cli.client()).call(routes.account.endApp, { params: { id } })
      cli.show({ disconnected: id }, () => `${plain(id)} is disconnected.`)
    },
  })
}

const appColumns: Column<AppView>[] = [
  { title: 'ID', value: (app) => app.id },
  { title: 'APP', value: (app) => plain(app.name), widthMin: 8 },
  { title: 'FROM', value: (app) => app.host ?? 'itself', dispensable: 2 },
  { title: 'STATE', value: (app) => app.state },
  { title: 'ENDS', value: (app) => day(app.expiresAt) },
  { title: 'LAST USED', value: (app) => minute(app.lastUsedAt), dispensable: 1 },
  { title: 'MAY', value: (app) => app.permissions.join(' '), widthMin: 10, dispensable: 3 },
]

function addTokenCommands(token: Command, setup: Setup): void {
  addVerb(token, setup, {
    name: 'list',
    says: 'List your tokens; the tokens themselves are never shown again.',
    run: async (cli) => {
      const list = await (await cli.client()).all(routes.account.listTokens, {})
      cli.show(list, () => (list.items.length === 0 ? 'You have no tokens.' : cli.table(tokenColumns, list.items)))
    },
  })
  addVerb<{ permission: string[]; days: string }>(token, setup, {
    name: 'create <name>',
    says: `Make a token and print it: the only time that it can be read.
It can never do more than you can, and less if you name fewer permissions. whoami lists yours.`,
    examples: ['wheelhouse token create ci --permission agents:read agents:update --days 30'],
    options: (command) =>
      command
        .requiredOption('--permission <permissions...>', 'what it may do')
        .option('--days <days>', 'how long it lives, at most 365', '90'),
    run: async (cli, { args: [name = ''], options }) => {
      const body = { name, permissions: options.permission, days: Number(options.days) }
      const made = await (await cli.client()).call(routes.account.createToken, { body })
      cli.show(made, () => made.token)
      if (!cli.json) cli.terminal.err(`It ends ${minute(made.expiresAt)} UTC. Its id is ${made.tokenId}.`)
    },
  })
  addVerb(token, setup, {
    name: 'revoke <id>',
    says: 'End one of your tokens at once.',
    run: async (cli, { args: [id = ''] }) => {
      await (await cli.client()).call(routes.account.revokeToken, { params: { id } })
      cli.show({ revoked: id }, () => `Token ${plain(id)} is revoked.`)
    },
  })
}

/** A handful by name; more as a number, because whoami and --json have the names. */
function permissionsOf({ permissions }: TokenView): string {
  return permissions.length > 4 ? count(permissions.length, 'permission') : permissions.join(' ')
}

const tokenColumns: Column<TokenView>[] = [
  { title: 'ID', value: (token) => token.id },
  { title: 'NAME', value: (token) => token.name, widthMin: 8 },
  { title: 'TOKEN', value: (token) => `${token.prefix}…`, dispensable: 2 },
  { title: 'STATE', value: (token) => token.state },
  { title: 'ENDS', value: (token) => day(token.expiresAt) },
  { title: 'LAST USED', value: (token) => minute(token.lastUsedAt), dispensable: 1 },
  { title: 'MAY', value: permissionsOf, widthMin: 10, dispensable: 3 },
]

async function login(cli: Cli, flag: string | undefined): Promise<void> {
  const { url } = await cli.access()
  const token = (flag ?? cli.config.token ?? (await askForToken(cli, url))).trim()
  if (!token) throw new UsageError('No token was given.')
  const me = await createClient({ url, token }).call(routes.account.me, {})
  const logins = await readLogins(cli.config.configFolder)
  const path = await writeLogins(cli.config.configFolder, { url, tokens: { ...logins.tokens, [url]: token } })
  cli.show({ url, path, me }, () => `Signed in at ${url} as ${plain(me.name)}. The token is stored in ${path}.`)
}

async function askForToken(cli: Cli, url: string): Promise<string> {
  const { terminal } = cli
  if (!terminal.interactive) return await terminal.readInput()
  terminal.err(`Make a personal access token at ${url}/settings/tokens`)
  return await terminal.askSecretly('Token (not shown): ')
}

async function logout(cli: Cli): Promise<void> {
  const logins = await readLogins(cli.config.configFolder)
  const named = cli.urlFlag ?? cli.config.url ?? logins.url
  const url = named === null ? null : normalUrl(named)
  if (url === null || !Object.hasOwn(logins.tokens, url)) throw new Failed('No login is stored for this portal.')
  const { [url]: _gone, ...tokens } = logins.tokens
  await writeLogins(cli.config.configFolder, { url: logins.url === url ? null : logins.url, tokens })
  cli.show({ url }, () => `The token for ${url} is forgotten here. It still works elsewhere until it is revoked.`)
}

function describe(me: Me, portal: string): string {
  return facts([
    ['Name', plain(me.name)],
    ['E-mail', plain(me.email)],
    ['Roles', me.roles.join(', ') || 'none'],
    ['Teams', me.teamIds.join(', ') || 'none'],
    ['May', me.permissions.join('\n')],
    ['Portal', portal],
  ])
}
