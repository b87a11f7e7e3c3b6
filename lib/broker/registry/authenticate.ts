import { authenticateAppToken } from '#lib/auth/commands/app-tokens.ts'
import { authenticateAccessToken } from '#lib/auth/commands/tokens.ts'
import type { Actor } from '#lib/auth/ctx.ts'
import { can } from '#lib/auth/ctx.ts'
import { err, ok, type Result } from '#lib/core/result.ts'
import type { Db } from '#lib/db/client.ts'
import type { Denial } from '#lib/guardrails/schema.ts'
import { appPermissions } from '#lib/auth/rules/app-request.ts'

type Person = Extract<Actor, { kind: 'person' }>
/** `person`: whose token it is all the same. */
type Refused = { denial: Denial; person?: Person }

/**
 * Whose token it is (of a connected app for this resource, or a personal access token), asked of the database on every request: somebody who was deactivated, lost a role or revoked the token is refused
 * from the next one on. Tokens of agents are none of people's and do not count here.
 */
export async function authenticatePerson(
  db: Db,
  ask: { authorization: string | undefined; now: Date; resource: string; demoPeople: boolean },
): Promise<Result<Person, Refused>> {
  const { authorization } = ask
  if (authorization === undefined) return refused({ rule: 'token_missing', message: 'No bearer token was sent.' })
  const token = /^Bearer ([\w~+/.-]+=*)$/i.exec(authorization)?.[1]
  const { now, resource, demoPeople } = ask
  const actor = token
    ? ((await authenticateAppToken(db, { token, resource, now, demoPeople })) ??
      (await authenticateAccessToken(db, { token, now, demoPeople })))
    : null
  if (actor?.kind !== 'person') {
    const message = 'It is no token of a person, or it has expired, was revoked, or its owner was deactivated.'
    return refused({ rule: 'token_invalid', message })
  }
  if (!appPermissions.some((permission) => can(actor, permission))) {
    const message = `The token allows none of ${appPermissions.join(', ')}.`
    return err({ denial: { rule: 'registry_nothing_allowed', message }, person: actor })
  }
  return ok(actor)
}

function refused(denial: Denial): Result<never, Refused> {
  return err({ denial })
}
