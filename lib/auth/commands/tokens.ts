import { mkdir, readFile, rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { recordAudit } from '#lib/audit/commands.ts'
import { DomainError } from '#lib/core/errors.ts'
import { hashToken, randomSecret } from '#lib/core/secret-box.ts'
import type { Db, Tx } from '#lib/db/client.ts'
import { actorOf, actorSelect } from '../actors.ts'
import { type Actor, authorize, can, type Ctx, inTx, requirePerson, systemActor } from '../ctx.ts'
import { isPermission, permissions, type Permission } from '../permissions.ts'
import type { CreateAccessTokenInput, RevokeAccessTokenInput } from '../schema.ts'

const tokenPattern = /^wh_pat_[\w-]{43}$/
const dayMs = 24 * 60 * 60 * 1000
const adminTokenDays = 365

/**
 * Makes a token for oneself; the answer is the only time it can be read. It can never do more than its owner can, and one that is made
 * with a token never more, nor for longer, than that one: it ends at `expiresAt` or when the other is revoked. Needs `tokens:own`.
 * Throws `invalid` with the field.
 */
export async function createAccessToken(
  ctx: Ctx,
  input: CreateAccessTokenInput,
): Promise<{ tokenId: string; token: string; expiresAt: Date }> {
  authorize(ctx, 'tokens:own')
  const person = requirePerson(ctx)
  const wanted = [...new Set(input.permissions)].toSorted()
  for (const permission of wanted) {
    if (!isPermission(permission) || !can(ctx.actor, permission)) {
      const whose = person.tokenId ? 'The token you use does not have' : 'You do not have'
      const yourself = person.tokenId ? '' : ' yourself'
      throw new DomainError('invalid', `${whose} the permission ${permission}${yourself}.`, { field: 'permissions' })
    }
  }
  return await inTx(ctx, async (tx, txCtx) => {
    const parent = person.tokenId ? await liveParent(tx, { tokenId: person.tokenId, now: ctx.now }) : null
    const asked = new Date(ctx.now.getTime() + input.days * dayMs)
    return await writeToken(txCtx, {
      person,
      name: input.name,
      permissions: wanted,
      expiresAt: parent && parent.expiresAt < asked ? parent.expiresAt : asked,
      parentId: parent?.id ?? null,
    })
  })
}

/** Ends one of one's own tokens at once, with all that were made with it; one that is ended already stays as it is. Needs `tokens:own`. */
export async function revokeAccessToken(ctx: Ctx, input: RevokeAccessTokenInput): Promise<void> {
  authorize(ctx, 'tokens:own')
  const person = requirePerson(ctx)
  await inTx(ctx, async (tx, txCtx) => {
    await tx.$queryRaw`select 1 from "AccessToken" where "id" = ${input.tokenId}::uuid for update`
    const token = await tx.accessToken.findFirst({
      where: { id: input.tokenId, personId: person.id },
      select: { id: true, name: true, revokedAt: true },
    })
    if (!token) throw new DomainError('not_found', 'You have no such token.')
    if (token.revokedAt) return
    for (const id of await revokeWithChildren(tx, { tokenId: token.id, now: ctx.now })) {
      recordAudit(tx, txCtx, {
        event: 'token.revoked',
        subject: { kind: 'person', id: person.id, name: person.name },
        detail: { tokenId: id },
      })
    }
  })
}

/**
 * Who sends this token; null when it is unknown, expired, revoked or its owner deactivated. The permissions are those of the token that
 * the owner still has. `demoPeople: false`: tokens of demo people do not count.
 */
export async function authenticateAccessToken(
  db: Db,
  ask: { token: string; now: Date; demoPeople?: boolean },
): Promise<Actor | null> {
  const found = await findToken(db, ask)
  if (!found) return null
  await noteUse(db, { tokenId: found.id, lastUsedAt: found.lastUsedAt, now: ask.now })
  return found.actor
}

/**
 * Writes `$WHEELHOUSE_HOME/admin-token` (mode 0600) for the CLI on this machine, as the local platform admin, unless the one that is
 * there still works for another month. An older local token ends when a new one is made.
 */
export async function ensureAdminToken(db: Db, home: string): Promise<{ path: string }> {
  const path = join(home, 'admin-token')
  const now = new Date()
  const present = (await readFile(path, 'utf8').catch(() => '')).trim()
  const inAMonth = new Date(now.getTime() + 30 * dayMs)
  if (await findToken(db, { token: present, now: inAMonth })) return { path }

  const token = await inTx({ db, actor: systemActor('start'), now }, async (tx, txCtx) => {
    const person = await tx.person.upsert({
      where: { email: localAdmin.email },
      create: { ...localAdmin, source: 'local', roles: { create: { role: 'platform_admin', source: 'local' } } },
      update: {},
      select: { id: true, name: true },
    })
    await tx.accessToken.updateMany({ where: { personId: person.id, revokedAt: null }, data: { revokedAt: now } })
    const expiresAt = new Date(now.getTime() + adminTokenDays * dayMs)
    return (await writeToken(txCtx, { person, name: 'This machine', permissions: [...permissions], expiresAt })).token
  })
  await mkdir(home, { recursive: true })
  const draft = `${path}.${process.pid}`
  await writeFile(draft, `${token}\n`, { mode: 0o600 })
  await rename(draft, path)
  return { path }
}

const localAdmin = { email: 'local.admin@wheelhouse.invalid', name: 'Local administrator' }

async function findToken(db: Db, ask: { token: string; now: Date; demoPeople?: boolean }) {
  if (!tokenPattern.test(ask.token)) return null
  const row = await db.accessToken.findFirst({
    where: {
      hash: hashToken(ask.token),
      revokedAt: null,
      expiresAt: { gt: ask.now },
      ...(ask.demoPeople === false ? { person: { demo: false } } : {}),
    },
    select: { id: true, permissions: true, lastUsedAt: true, person: { select: actorSelect } },
  })
  const person = row && actorOf(row.person)
  if (!person) return null
  const allowed = row.permissions.filter(
    (name): name is Permission => isPermission(name) && person.permissions.has(name),
  )
  const actor: Actor = { ...person, permissions: new Set(allowed), tokenId: row.id }
  return { id: row.id, lastUsedAt: row.lastUsedAt, actor }
}

/** The token that makes another, locked so that it cannot be revoked in between. */
async function liveParent(tx: Tx, ask: { tokenId: string; now: Date }): Promise<{ id: string; expiresAt: Date }> {
  await tx.$queryRaw`select 1 from "AccessToken" where "id" = ${ask.tokenId}::uuid for share`
  const parent = await tx.accessToken.findFirst({
    where: { id: ask.tokenId, revokedAt: null, expiresAt: { gt: ask.now } },
    select: { id: true, expiresAt: true },
  })
  if (!parent) throw new DomainError('unauthenticated', 'The token you use has ended.')
  return parent
}

/** Level by level, each locked before the next is read: a token being made with one of them is either seen here or refused there. */
async function revokeWithChildren(tx: Tx, ask: { tokenId: string; now: Date }): Promise<string[]> {
  const revoked: string[] = []
  let level = [ask.tokenId]
  while (level.length > 0) {
    await tx.accessToken.updateMany({ where: { id: { in: level } }, data: { revokedAt: ask.now } })
    revoked.push(...level)
    const children = await tx.accessToken.findMany({
      where: { parentId: { in: level }, revokedAt: null },
      select: { id: true },
      orderBy: { id: 'asc' },
    })
    level = children.map(({ id }) => id)
  }
  return revoked
}

async function writeToken(
  ctx: Ctx & { tx: NonNullable<Ctx['tx']> },
  input: {
    person: { id: string; name: string }
    name: string
    permissions: string[]
    expiresAt: Date
    parentId?: string | null
  },
): Promise<{ tokenId: string; token: string; expiresAt: Date }> {
  const token = `wh_pat_${randomSecret(32)}`
  const row = await ctx.tx.accessToken.create({
    data: {
      personId: input.person.id,
      name: input.name,
      hash: hashToken(token),
      prefix: token.slice(0, 12),
      permissions: input.permissions,
      createdAt: ctx.now,
      expiresAt: input.expiresAt,
      parentId: input.parentId ?? null,
    },
    select: { id: true },
  })
  recordAudit(ctx.tx, ctx, {
    event: 'token.created',
    subject: { kind: 'person', id: input.person.id, name: input.person.name },
    detail: { tokenId: row.id, permissions: input.permissions, expiresAt: input.expiresAt.toISOString() },
  })
  return { tokenId: row.id, token, expiresAt: input.expiresAt }
}

// Once a minute is enough to see that a token is in use, and keeps busy tokens from writing on every call.
async function noteUse(db: Db, use: { tokenId: string; lastUsedAt: Date | null; now: Date }): Promise<void> {
  if (use.lastUsedAt && use.now.getTime() - use.lastUsedAt.getTime() < 60_000) return
  await db.accessToken.update({ where: { id: use.tokenId }, data: { lastUsedAt: use.now } })
}
