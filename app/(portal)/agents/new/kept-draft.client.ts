'use client'

import { useMemo, useSyncExternalStore } from 'react'
import { type Draft, draftSchema } from './draft.ts'

/**
 * The draft as this tab keeps it, so that a reload and a way back find it again; `initial` until something is entered. Where the browser
 * keeps nothing for this site, it lasts as long as the page.
 */
export function useKeptDraft(key: string, initial: Draft) {
  const text = useSyncExternalStore(
    subscribe,
    () => kept(key),
    () => null,
  )
  const draft = useMemo(() => (text === null ? null : read(text)) ?? initial, [text, initial])
  return {
    draft,
    touched: text !== null && text !== JSON.stringify(initial),
    change: (next: (now: Draft) => Draft) => keep(key, JSON.stringify(next(read(kept(key) ?? '') ?? initial))),
    forget: () => keep(key, null),
  }
}

const listeners = new Set<() => void>()
const onThisPage = new Map<string, string>()

function subscribe(listener: () => void): () => void {
  listeners.add(listener)
  return () => listeners.delete(listener)
}

function kept(key: string): string | null {
  try {
    return sessionStorage.getItem(key)
  } catch {
    return onThisPage.get(key) ?? null
  }
}

function keep(key: string, text: string | null): void {
  try {
    if (text === null) sessionStorage.removeItem(key)
    else sessionStorage.setItem(key, text)
  } catch {
    if (text === null) onThisPage.delete(key)
    else onThisPage.set(key, text)
  }
  for (const listener of listeners) listener()
}

/** null: nothing, or what another release has kept. */
function read(text: string): Draft | null {
  try {
    return draftSchema.safeParse(JSON.parse(text)).data ?? null
  } catch {
    return null
  }
}
