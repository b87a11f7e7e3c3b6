import { authorize, type Ctx, reader } from '#lib/auth/ctx.ts'
import type { Role } from '#lib/auth/permissions.ts'
import { DomainError } from '#lib/core/errors.ts'
import { type CatalogViewRow, viewState } from '../schema/views.ts'

/** One view, one's own or shared. Needs `agents:read`; throws `not_found`. */
export async function getView(ctx: Ctx, id: string): Promise<CatalogViewRow> {
  const view = (await listViews(ctx)).find((candidate) => candidate.id === id)
  if (!view) throw new DomainError('not_found', 'There is no such view.')
  return view
}

/** One's own views and those that are shared, by name. Needs `agents:read`. */
export async function listViews(ctx: Ctx): Promise<CatalogViewRow[]> {
  authorize(ctx, 'agents:read')
  const me = ctx.actor.kind === 'person' ? ctx.actor.id : null
  const views = await reader(ctx).catalogView.findMany({
    where: { OR: [{ shared: true }, ...(me ? [{ ownerId: me }] : [])] },
    select: {
      id: true,
      name: true,
      shared: true,
      state: true,
      updatedAt: true,
      owner: { select: { id: true, name: true } },
      defaults: { select: { role: true } },
    },
    orderBy: [{ name: 'asc' }, { id: 'asc' }],
  })
  return views.map(({ defaults, state, updatedAt, ...view }) => ({
    ...view,
    savedAt: updatedAt.toISOString(),
    own: view.owner.id === me,
    defaultFor: defaults.map(({ role }) => role).toSorted(),
    // What an older version saved is shown as far as it is understood.
    state: viewState.safeParse(state).data ?? viewState.parse({}),
  }))
}

/** Which shared view people of a role begin with; null: with all agents. Needs `agents:read`. */
export async function getDefaultView(ctx: Ctx, role: Role): Promise<{ role: Role; viewId: string | null }> {
  authorize(ctx, 'agents:read')
  const found = await reader(ctx).catalogDefault.findUnique({ where: { role } })
  return { role, viewId: found?.viewId ?? null }
}
