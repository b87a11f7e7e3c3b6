'use client'

import { useState, useTransition } from 'react'
import type { ActionResult, PortalAction } from '#lib/web/action.ts'
import type { z } from 'zod'

type Failed = { message: string; requestId?: string; fields: Record<string, string[]> }

/**
 * Runs a server action with what a form needs around it: pending while it runs, and afterwards the refusal or failure in words. The
 * answer's value goes to `onDone`; nothing is thrown at the page.
 */
export function useAction<S extends z.ZodType, R>(action: PortalAction<S, R>, onDone?: (value: ValueOf<R>) => void) {
  const [pending, startTransition] = useTransition()
  const [failed, setFailed] = useState<Failed | null>(null)
  const run = (input: z.input<S>) =>
    startTransition(async () => {
      const outcome = await action(input).catch(() => null)
      if (outcome?.ok) {
        setFailed(null)
        onDone?.(outcome.value as ValueOf<R>)
      } else {
        setFailed(
          outcome
            ? wordsOf(outcome.error)
            : { message: 'The server could not be reached. Nothing was changed; try again.', fields: {} },
        )
      }
    })
  return { run, pending, failed, clear: () => setFailed(null) }
}

type ValueOf<R> = Extract<ActionResult<R>, { ok: true }>['value']

function wordsOf(error: unknown): Failed {
  const { message, requestId, fields, rule, reason } = error as Partial<Failed> & { rule?: string; reason?: string }
  return {
    message: message ?? (rule ?? reason ?? 'Refused.').replaceAll('_', ' '),
    ...(requestId ? { requestId } : {}),
    fields: fields ?? {},
  }
}
