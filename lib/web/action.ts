import { headers } from 'next/headers'
import { unstable_rethrow } from 'next/navigation'
import type { z } from 'zod'
import type { Ctx } from '#lib/auth/ctx.ts'
import { DomainError } from '#lib/core/errors.ts'
import { err, ok, type Result } from '#lib/core/result.ts'
import { portal } from './db.ts'
import { type Failure, failureOf, parseInput } from './failure.ts'
import { isSameOrigin } from './origin.ts'
import { requestCtx } from './session.ts'

/** A failure as a form gets it, beside the refusals of the command itself. */
export type ActionFailure = Failure & { reason: 'failure' }

type Value<R> = R extends { readonly ok: true; readonly value: infer T }
  ? T
  : R extends { readonly ok: false }
    ? never
    : R
type Refusal<R> = R extends { readonly ok: false; readonly error: infer E } ? E : never

/** What the browser gets: the command's value, its own refusal, or a failure (input, permission, not found, ours). Never a thrown error. */
export type ActionResult<R> = Result<Value<R>, Refusal<R> | ActionFailure>

export type PortalAction<S extends z.ZodType, R> = (input: z.input<S>) => Promise<ActionResult<R>>

/**
 * Makes a server action: refuses requests of other sites, parses the input, finds the actor, and lets the handler delegate to a command,
 * which authorizes. Refusal Results pass through; everything thrown becomes an `ActionFailure` with the request's id.
 */
export function portalAction<S extends z.ZodType, R>(
  schema: S,
  handler: (ctx: Ctx & { requestId: string }, input: z.output<S>) => Promise<R>,
): PortalAction<S, R> {
  return async (input) => {
    const ctx = await requestCtx()
    try {
      const { config } = portal()
      if (!isSameOrigin({ headers: await headers(), url: config.url })) {
        throw new DomainError('forbidden', 'This request did not come from the portal.', { rule: 'same-origin' })
      }
      const outcome = await handler(ctx, parseInput(schema, input))
      return (isResult(outcome) ? outcome : ok(outcome)) as ActionResult<R>
    } catch (error) {
      unstable_rethrow(error)
      return err({ reason: 'failure', ...failureOf(error, ctx.requestId, portal().log) })
    }
  }
}

function isResult(value: unknown): value is Result<unknown, unknown> {
  return (
    typeof value === 'object' &&
    value !== null &&
    'ok' in value &&
    typeof value.ok === 'boolean' &&
    ('value' in value || 'error' in value)
  )
}
