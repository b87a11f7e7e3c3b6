import { recordAudit } from '#lib/audit/commands.ts'
import { authorize, can, type Ctx, inTx, requirePerson } from '#lib/auth/ctx.ts'
import { DomainError } from '#lib/core/errors.ts'
import type { Tx } from '#lib/db/client.ts'
import { lockViewDefault } from '../queries/revisions.ts'
import { queryOf } from '../query/of-list.ts'
import {
  type DeleteViewInput,
  type SaveViewInput,
  saveViewInput,
  type SetDefaultViewInput,
  type ViewState,
} from '../schema/views.ts'

/** Views a person may have: enough for anyone, and a list that can be read. */
const viewsMax = 100

/**
 * Saves the catalog as it is seen as a new view, or over one of one's own. Needs `views:own`, to share it `views:share`. Throws `invalid`
 * for a query that cannot be read, `conflict` for a name one has used and, with `savedAt`, for what was saved since, `not_found` and `forbidden` for another's view.
 */
export async function saveView(ctx: Ctx, input: SaveViewInput): Promise<{ id: string }> {
  authorize(ctx, 'views:own')
  const person = requirePerson(ctx)
  const { id, name, shared, state, savedAt } = saveViewInput.parse(input)
  if (shared) authorize(ctx, 'views:share')
  queryOf({ q: state.q })
  return await inTx(ctx, async (tx, ctx) => {
    const before = id === undefined ? null : await lockOwnView(tx, ctx, id)
    if (before && savedAt !== undefined) refuseSavedSince(before, savedAt)
    await refuseSameName(tx, { ownerId: before?.ownerId ?? person.id, name, id })
    const data = { name, shared, state, updatedAt: ctx.now }
    if (before?.shared && !shared) await refuseDefault(tx, before.id)
    const saved = before
      ? await tx.catalogView.update({ where: { id: before.id }, data, select: { id: true } })
      : await tx.catalogView.create({ data: { ...data, ownerId: person.id, createdAt: ctx.now }, select: { id: true } })
    const told = before && { name: before.name, shared: before.shared, ...(before.state as ViewState) }
    const detail = { before: told, after: { name, shared, ...state } }
    recordAudit(tx, ctx, { event: 'catalog_view.saved', subject: { kind: 'catalog_view', id: saved.id, name }, detail })
    return saved
  })
}

/** Deletes a view of one's own, or with `views:default` a shared one; roles that began with it begin with all agents. Needs `views:own`; throws as `saveView`. */
export async function deleteView(ctx: Ctx, { id }: DeleteViewInput): Promise<void> {
  authorize(ctx, 'views:own')
  await inTx(ctx, async (tx, ctx) => {
    const view = await lockOwnView(tx, ctx, id)
    await tx.catalogView.delete({ where: { id } })
    const detail = { view: { name: view.name, shared: view.shared, ...(view.state as ViewState) } }
    recordAudit(tx, ctx, {
      event: 'catalog_view.deleted',
      subject: { kind: 'catalog_view', id, name: view.name },
      detail,
    })
  })
}

/** Sets which shared view people of a role begin with. Needs `views:default`; throws `not_found`, and `invalid` for a view that is not shared. */
export async function setDefaultView(ctx: Ctx, { role, viewId }: SetDefaultViewInput): Promise<void> {
  authorize(ctx, 'views:default')
  await inTx(ctx, async (tx, ctx) => {
    await lockViewDefault(tx, role)
    const view = viewId === null ? null : await lockView(tx, viewId)
    if (view && !view.shared) {
      throw new DomainError('invalid', 'Share the view first: others cannot see it.', {
        field: 'viewId',
        rule: 'registry:view',
      })
    }
    const before = await tx.catalogDefault.findUnique({ where: { role } })
    if ((before?.viewId ?? null) === viewId) return
    if (viewId === null) await tx.catalogDefault.delete({ where: { role } })
    else await tx.catalogDefault.upsert({ where: { role }, create: { role, viewId }, update: { viewId } })
    const detail = { role, before: before?.viewId ?? null, after: viewId }
    recordAudit(tx, ctx, { event: 'catalog_view.default_set', subject: { kind: 'role', id: role, name: role }, detail })
  })
}

async function lockOwnView(tx: Tx, ctx: Ctx, id: string) {
  const view = await lockView(tx, id)
  const isOwn = view.ownerId === ctx.actor.id
  // Another's own view is not told apart from one that does not exist.
  if (!isOwn && !view.shared) throw viewNotFound()
  if (isOwn || can(ctx.actor, 'views:default')) return view
  throw new DomainError(
    'forbidden',
    'Only who made a shared view, or a platform admin, may change it. Save it under a name of your own.',
    {
      rule: 'registry:own_view',
    },
  )
}

async function lockView(tx: Tx, id: string) {
  await tx.$queryRaw`select 1 from "CatalogView" where "id" = ${id}::uuid for update`
  const view = await tx.catalogView.findUnique({
    where: { id },
    select: { id: true, name: true, shared: true, ownerId: true, state: true, updatedAt: true },
  })
  if (!view) throw viewNotFound()
  return view
}

async function refuseSameName(tx: Tx, view: { ownerId: string; name: string; id: string | undefined }): Promise<void> {
  // One person's views take turns, so that two saved at once do not get one name.
  await tx.$executeRaw`select pg_advisory_xact_lock(hashtext(${`catalog views of ${view.ownerId}`}))`
  const others = await tx.catalogView.findMany({ where: { ownerId: view.ownerId }, select: { id: true, name: true } })
  if (others.some(({ id, name }) => id !== view.id && name === view.name)) {
    throw new DomainError('conflict', `You have a view ${JSON.stringify(view.name)} already.`, {
      field: 'name',
      rule: 'registry:view_name',
    })
  }
  if (view.id === undefined && others.length >= viewsMax) {
    throw new DomainError('conflict', `You have ${viewsMax} views. Delete one first.`, { rule: 'registry:views_max' })
  }
}

function refuseSavedSince({ updatedAt }: { updatedAt: Date }, savedAt: string): void {
  if (updatedAt.toISOString() === savedAt) return
  throw new DomainError(
    'conflict',
    'Somebody has saved this view since you opened it: revert, or save it as a new one.',
    {
      rule: 'registry:view_saved_since',
    },
  )
}

async function refuseDefault(tx: Tx, viewId: string): Promise<void> {
  const used = await tx.catalogDefault.findMany({ where: { viewId }, select: { role: true } })
  if (used.length === 0) return
  const roles = used.map(({ role }) => role).join(', ')
  throw new DomainError('conflict', `People begin with this view (${roles}), so it stays shared.`, {
    field: 'shared',
    rule: 'registry:default_view',
  })
}

function viewNotFound(): DomainError {
  return new DomainError('not_found', 'That view does not exist any more.')
}
