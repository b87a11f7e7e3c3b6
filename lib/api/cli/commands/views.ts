import type { Command } from 'commander'
import { type Role, roles } from '#lib/auth/permissions.ts'
import { agentSorts, type AgentListQuery } from '#lib/registry/schema.ts'
import { catalogColumns, type CatalogColumn } from '#lib/registry/schema/columns.ts'
import type { CatalogViewRow } from '#lib/registry/schema/views.ts'
import { routes } from '../../routes.ts'
import { addVerb, type Setup } from '../cli.ts'
import type { Client } from '../client.ts'
import { Failed, UsageError } from '../errors.ts'
import type { Column } from '../table.ts'
import { oneLine, plain } from '../text.ts'
import { choice } from './choices.ts'

const densities = ['normal', 'compact'] as const
type Density = (typeof densities)[number]
type Save = { shared?: boolean; sort?: string; desc?: boolean; columns?: string; density?: string }

/** Saved views of the catalog: one is named by its id or its name. */
export function addViewsCommands(program: Command, setup: Setup): void {
  const views = program.command('views').alias('view').description('Saved views of the catalog.')
  addVerb(views, setup, {
    name: 'list',
    says: 'List your own views and those that are shared.',
    run: async (cli) => {
      const list = await (await cli.client()).all(routes.views.list, {})
      cli.show(list, () => (list.items.length === 0 ? 'No view is saved.' : cli.table(columns, list.items)))
    },
  })
  addVerb(views, setup, {
    name: 'show <view>',
    says: 'Show a view: its query, order and columns.',
    run: async (cli, { args: [name = ''] }) => {
      const client = await cli.client()
      const view = await client.call(routes.views.show, { params: { id: (await viewNamed(client, name)).id } })
      cli.show(view, () => cli.table(columns, [view]))
    },
  })
  addVerb<Save>(views, setup, {
    name: 'save <name> [query...]',
    says: `Save a query of the catalog as a view; one of yours with this name is saved over.
Of one that is saved over, what is left out stays: its query, order, columns, density, and whether it is shared.`,
    examples: ['wheelhouse views save "Writers in production" can:write env:production --shared'],
    options: (command) =>
      command
        .option('--shared', 'everybody sees it')
        .addOption(choice('--sort <by>', 'order of the list; a new view: id', agentSorts))
        .option('--desc', 'the other way round')
        .option('--columns <names>', `separated by commas: ${catalogColumns.join(', ')}`)
        .addOption(choice('--density <density>', 'height of the rows; a new view: normal', densities)),
    run: async (cli, { args: [name = '', ...words], options }) => {
      const client = await cli.client()
      const { items } = await client.all(routes.views.list, {})
      const before = items.find((view) => view.own && view.name === name)
      const asked = {
        ...(words.length > 0 ? { q: words.join(' ') } : {}),
        ...(options.sort === undefined ? {} : { sort: options.sort as AgentListQuery['sort'] }),
        ...(options.desc ? { order: 'desc' as const } : options.sort === undefined ? {} : { order: 'asc' as const }),
        ...(options.columns === undefined ? {} : { columns: columnsOf(options.columns) }),
        ...(options.density === undefined ? {} : { density: options.density as Density }),
      }
      const saved = before
        ? await change(client, before.id, (view) => ({
            shared: options.shared ?? view.shared,
            state: { ...view.state, ...asked },
          }))
        : await client.call(routes.views.create, { body: { name, shared: options.shared ?? false, state: asked } })
      cli.show(saved, () => `${plain(name)} is saved.`)
    },
  })
  addVerb(views, setup, {
    name: 'rename <view> <name>',
    says: 'Give a view another name.',
    run: async (cli, { args: [view = '', name = ''] }) => {
      const client = await cli.client()
      const saved = await change(client, (await viewNamed(client, view)).id, () => ({ name }))
      cli.show(saved, () => `${plain(view)} is called ${plain(name)} now.`)
    },
  })
  for (const [verb, shared, said] of [
    ['share', true, 'is shared'],
    ['unshare', false, 'is for yourself alone'],
  ] as const) {
    addVerb(views, setup, {
      name: `${verb} <view>`,
      says: shared ? 'Let everybody see a view.' : 'Keep a view for yourself.',
      run: async (cli, { args: [view = ''] }) => {
        const client = await cli.client()
        const saved = await change(client, (await viewNamed(client, view)).id, () => ({ shared }))
        cli.show(saved, () => `${plain(view)} ${said}.`)
      },
    })
  }
  addVerb(views, setup, {
    name: 'delete <view>',
    says: 'Delete a view; roles that began with it begin with all agents.',
    run: async (cli, { args: [name = ''] }) => {
      const client = await cli.client()
      const { id } = await viewNamed(client, name)
      await client.call(routes.views.remove, { params: { id } })
      cli.show({ id, deleted: true }, () => `${plain(name)} is deleted.`)
    },
  })
  addVerb(views, setup, {
    name: 'default-of <role>',
    says: 'Say which shared view people of a role begin with.',
    run: async (cli, { args: [name = ''] }) => {
      const role = roleNamed(name)
      const client = await cli.client()
      const found = await client.call(routes.views.showDefault, { params: { role } })
      cli.show(found, () => found.viewId ?? 'All agents.')
    },
  })
  addVerb(views, setup, {
    name: 'default <role> [view]',
    says: 'Say which shared view people of a role begin with; without one they begin with all agents.',
    run: async (cli, { args: [given = '', name] }) => {
      const role = roleNamed(given)
      const client = await cli.client()
      const viewId = name === undefined ? null : (await viewNamed(client, name)).id
      await client.call(routes.views.setDefault, { params: { role }, body: { viewId } })
      cli.show({ role, viewId }, () => `${role} begins with ${name === undefined ? 'all agents' : plain(name)}.`)
    },
  })
}

function roleNamed(given: string): Role {
  const role = roles.find((candidate) => candidate === given)
  if (!role) throw new UsageError(`Use one of: ${roles.join(', ')}.`)
  return role
}

type Changes = Partial<Pick<CatalogViewRow, 'name' | 'shared' | 'state'>>

/** Writes back what was read with the changes; refused when somebody else has saved it meanwhile. */
async function change(client: Client, id: string, to: (view: CatalogViewRow) => Changes): Promise<{ id: string }> {
  const view = await client.call(routes.views.show, { params: { id } })
  const ifMatch = client.etag()
  const body = { name: view.name, shared: view.shared, state: view.state, ...to(view) }
  return await client.call(routes.views.replace, { params: { id }, body }, { ifMatch })
}

async function viewNamed(client: Client, name: string): Promise<CatalogViewRow> {
  const { items } = await client.all(routes.views.list, {})
  const found = items.find(({ id }) => id === name) ?? items.find((view) => view.own && view.name === name)
  const view = found ?? items.find((candidate) => candidate.name === name)
  if (!view) throw new Failed(`There is no view ${JSON.stringify(name)}.`)
  return view
}

function columnsOf(text: string): CatalogColumn[] {
  return text.split(',').map((name) => {
    const column = catalogColumns.find((candidate) => candidate === name.trim())
    if (!column) throw new UsageError(`${JSON.stringify(name)} is no column. Use: ${catalogColumns.join(', ')}.`)
    return column
  })
}

const columns: Column<CatalogViewRow>[] = [
  { title: 'NAME', value: (view) => view.name },
  { title: 'OF', value: (view) => (view.own ? 'you' : view.owner.name), widthMin: 6 },
  { title: 'SHARED', value: (view) => (view.shared ? 'yes' : '') },
  { title: 'DEFAULT FOR', value: (view) => view.defaultFor.join(', '), dispensable: 1 },
  { title: 'QUERY', value: (view) => oneLine(view.state.q), widthMin: 12 },
]
