import { recordAudit } from '#lib/audit/commands.ts'
import type { Db, Tx } from '#lib/db/client.ts'
import { err, ok, type Result } from '#lib/core/result.ts'
import { anonymous, type Ctx, inTx } from '../ctx.ts'
import { personas } from '../personas.ts'
import { endPerson, letBackIn } from '../people.ts'
import { hasLeftGroups, rolesFromGroups, signInRefusalText } from '../rules.ts'
import type { OidcIdentity, SignedIn, SignInRefusal } from '../schema.ts'

type TxCtx = Ctx & { tx: Tx }
type Browser = { userAgent: string | null }

const sessionMs = 12 * 60 * 60 * 1000

/**
 * Lets in whom the identity provider vouches for: finds them by issuer and subject (never by address alone), creates them the first time,
 * replaces the roles the provider gave before by those its groups give now, and opens a session. Deactivated people are refused.
 */
export async function signInWithOidc(
  ctx: Ctx,
  input: OidcIdentity & Browser & { groupRoles: readonly { group: string; role: string }[] },
): Promise<Result<SignedIn, SignInRefusal>> {
  return await inTx(ctx, async (tx, txCtx) => {
    const subject = `${input.issuer}|${input.subject}`
    if (!input.emailVerified) {
      return refuse(txCtx, {
        method: 'oidc',
        who: input.email,
        reason: 'email_not_verified',
      })
    }
    // Two first sign-ins of one person take turns, so that they become one person.
    await tx.$queryRaw`select pg_advisory_xact_lock(hashtextextended(${subject}, 0))::text`
    let person = await tx.person.findUnique({ where: { subject }, select: personSelect })
    if (!person && (await tx.person.findUnique({ where: { email: input.email }, select: { id: true } }))) {
      return refuse(txCtx, {
        method: 'oidc',
        who: input.email,
        reason: 'email_taken',
      })
    }
    person ??= await createPerson(txCtx, { email: input.email, name: input.name, subject })
    const granted = rolesFromGroups(input.groups, input.groupRoles)
    if (
      !person.active &&
      (granted.length === 0 || person.deactivatedBecause === 'admin' || !person.deactivatedBecause)
    ) {
      return refuse(txCtx, {
        method: 'oidc',
        who: person.name,
        reason: 'deactivated',
      })
    }
    // What the provider's groups took away, they give back.
    if (!person.active) await letBackIn({ ...txCtx, actor: asActor(person) }, { person, reason: null })
    const roles = await tx.personRole.findMany({ where: { personId: person.id }, select: { source: true } })
    await replaceOidcRoles(txCtx, { person, after: granted })
    if (hasLeftGroups(roles, { granted, mapped: input.groupRoles.length > 0 })) {
      await endPerson({ ...txCtx, actor: asActor(person) }, { person, because: 'groups', reason: null })
      return refuse(txCtx, {
        method: 'oidc',
        who: person.name,
        reason: 'no_groups',
      })
    }
    await tx.person.update({ where: { id: person.id }, data: { name: input.name, groupsSeenAt: ctx.now } })
    return ok(await openSession(txCtx, { person, method: 'oidc', userAgent: input.userAgent }))
  })
}

/** Signs in as one of the demo people; `personasAllowed` is the configuration's word that this installation may have them (demo data, loopback address). */
export async function signInAsPersona(
  ctx: Ctx,
  input: { personId: string; personasAllowed: boolean } & Browser,
): Promise<Result<SignedIn, SignInRefusal>> {
  return await inTx(ctx, async (tx, txCtx) => {
    const persona = personas.find(({ id }) => id === input.personId)
    if (!input.personasAllowed) {
      return refuse(txCtx, {
        method: 'demo',
        who: persona?.name ?? 'unknown',
        reason: 'personas_off',
      })
    }
    const person =
      persona && (await tx.person.findFirst({ where: { id: persona.id, demo: true }, select: personSelect }))
    if (!person) {
      return refuse(txCtx, {
        method: 'demo',
        who: 'unknown',
        reason: 'unknown_persona',
      })
    }
    if (!person.active) {
      return refuse(txCtx, {
        method: 'demo',
        who: person.name,
        reason: 'deactivated',
      })
    }
    return ok(await openSession(txCtx, { person, method: 'demo', userAgent: input.userAgent }))
  })
}

/** Ends a browser session at once, in every tab and copy of its cookie. */
export async function signOut(ctx: Ctx, input: { sessionId: string }): Promise<void> {
  await inTx(ctx, async (tx, txCtx) => {
    const { count } = await tx.loginSession.updateMany({
      where: { id: input.sessionId, revokedAt: null },
      data: { revokedAt: ctx.now },
    })
    if (count === 0) return
    recordAudit(tx, txCtx, {
      event: 'person.signed_out',
      subject: { kind: 'person', id: ctx.actor.id, name: ctx.actor.name },
      detail: {},
    })
  })
}

const personSelect = { id: true, name: true, email: true, active: true, deactivatedBecause: true } as const
type PersonRow = { id: string; name: string; email: string; active: boolean; deactivatedBecause: string | null }

async function createPerson(ctx: TxCtx, input: { email: string; name: string; subject: string }): Promise<PersonRow> {
  const person = await ctx.tx.person.create({
    data: { ...input, source: 'oidc', createdAt: ctx.now },
    select: personSelect,
  })
  recordAudit(
    ctx.tx,
    { ...ctx, actor: asActor(person) },
    {
      event: 'person.created',
      subject: { kind: 'person', id: person.id, name: person.name },
      detail: { email: person.email, source: 'oidc' },
    },
  )
  return person
}

async function replaceOidcRoles(ctx: TxCtx, input: { person: PersonRow; after: string[] }): Promise<void> {
  const { person, after } = input
  const rows = await ctx.tx.personRole.findMany({
    where: { personId: person.id },
    select: { role: true, source: true },
  })
  const before = rows
    .filter(({ source }) => source === 'oidc')
    .map(({ role }) => role)
    .toSorted()
  if (before.join() === after.join()) return
  const kept = new Set(rows.filter(({ source }) => source !== 'oidc').map(({ role }) => role))
  await ctx.tx.personRole.deleteMany({ where: { personId: person.id, source: 'oidc' } })
  await ctx.tx.personRole.createMany({
    data: after
      .filter((role) => !kept.has(role))
      .map((role) => ({ personId: person.id, role, source: 'oidc', createdAt: ctx.now })),
  })
  recordAudit(
    ctx.tx,
    { ...ctx, actor: asActor(person) },
    {
      event: 'person.roles_changed',
      subject: { kind: 'person', id: person.id, name: person.name },
      detail: { before, after, source: 'oidc' },
    },
  )
}

/** Kept for a while after it has ended, should somebody ask who was signed in; the audit log keeps that for good. */
const endedSessionKeptMs = 30 * 86_400_000

/** Deletes sessions that expired more than thirty days ago; returns how many. The worker calls it every hour. */
export async function forgetLoginSessions(db: Db, now: Date): Promise<number> {
  const { count } = await db.loginSession.deleteMany({
    where: { expiresAt: { lt: new Date(now.getTime() - endedSessionKeptMs) } },
  })
  return count
}

async function openSession(
  ctx: TxCtx,
  input: { person: PersonRow; method: 'oidc' | 'demo' } & Browser,
): Promise<SignedIn> {
  const { person, method } = input
  const session = await ctx.tx.loginSession.create({
    data: {
      personId: person.id,
      createdAt: ctx.now,
      expiresAt: new Date(ctx.now.getTime() + sessionMs),
      userAgent: input.userAgent?.slice(0, 300) ?? null,
    },
    select: { id: true },
  })
  recordAudit(
    ctx.tx,
    { ...ctx, actor: asActor(person) },
    {
      event: 'person.signed_in',
      subject: { kind: 'person', id: person.id, name: person.name },
      detail: { method },
    },
  )
  return { sessionId: session.id, personId: person.id }
}

function refuse(
  ctx: TxCtx,
  refusal: Pick<SignInRefusal, 'reason'> & { method: string; who: string },
): Result<never, SignInRefusal> {
  recordAudit(
    ctx.tx,
    { ...ctx, actor: anonymous },
    {
      event: 'person.sign_in_refused',
      subject: { kind: 'person', id: refusal.who, name: refusal.who },
      detail: { method: refusal.method, reason: refusal.reason },
      decision: 'deny',
      rule: `sign-in:${refusal.reason}`,
    },
  )
  return err({ reason: refusal.reason, message: signInRefusalText(refusal.reason) })
}

// The session that is being opened has no permissions yet, and the audit log needs none: it records who came.
function asActor(person: PersonRow): Ctx['actor'] {
  return {
    kind: 'person',
    id: person.id,
    name: person.name,
    email: person.email,
    roles: [],
    teamIds: [],
    permissions: new Set(),
  }
}
