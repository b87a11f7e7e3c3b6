'use client'

import { unstable_rethrow } from 'next/navigation'
import { useState, useTransition } from 'react'
import type { Result } from '#lib/core/result.ts'

type Failed = {
  message: string
  requestId?: string | undefined
  /** The rule that refused it, when one did. */
  rule?: string | undefined
  fields: Record<string, string[]>
  /** What else the refusal says, for a form that can do something about it. */
  details?: Readonly<Record<string, unknown>> | undefined
}
type Action = (input: never) => Promise<Result<unknown, unknown>>
/** What an action answers when it succeeds. */
export type ValueOf<A extends Action> = Extract<Awaited<ReturnType<A>>, { ok: true }>['value']

/**
 * Runs a server action with what a form needs around it: pending while it runs, afterwards the refusal or failure in words. The value
 * goes to `onDone`; nothing is thrown at the page.
 */
export function useAction<A extends Action>(action: A, onDone?: (value: ValueOf<A>) => void) {
  const [pending, startTransition] = useTransition()
  const [failed, setFailed] = useState<Failed | null>(null)
  const run = (input: Parameters<A>[0]) =>
    startTransition(async () => {
      const outcome = await action(input).catch(nothingUnlessNext)
      if (outcome?.ok) {
        setFailed(null)
        onDone?.(outcome.value)
      } else {
        setFailed(outcome ? wordsOf(outcome.error) : unreachable)
      }
    })
  return { run, pending, failed, clear: () => setFailed(null) }
}

// An action that redirects ends in an error of Next's own, which Next must get.
function nothingUnlessNext(error: unknown): null {
  unstable_rethrow(error)
  return null
}

const unreachable: Failed = {
  message: 'The server could not be reached. Nothing is known to have changed; look, then try again.',
  fields: {},
}

/** A refusal or failure in words: its own message, else its reason or rule made readable. */
export function wordsOf(error: unknown): Failed {
  const { message, requestId, fields, rule, reason, details } = error as Partial<Failed> & { reason?: string }
  return {
    message: message ?? (rule ?? reason ?? 'Refused.').replaceAll('_', ' '),
    requestId,
    rule,
    fields: fields ?? {},
    details,
  }
}
