'use client'

import dynamic from 'next/dynamic'
import { createContext, type ReactNode, use, useEffect, useMemo, useState } from 'react'
import type { orderStop } from '#app/(portal)/actions.ts'
import type { StopTarget } from './stop-form.client.tsx'

type StopDialog = { open: (target?: StopTarget) => void; whyNot: string | null }

const StopDialogContext = createContext<StopDialog>({ open: () => {}, whyNot: 'Not available here.' })

const loadDialog = () => import('./stop-agents.client.tsx')
const StopAgents = dynamic(async () => (await loadDialog()).StopAgents, { ssr: false })

/** Opens the one stop dialog, from the header, an agent's page or the command palette. */
export function useStopDialog(): StopDialog {
  return use(StopDialogContext)
}

export function StopDialogProvider({
  order,
  whyNot,
  children,
}: {
  order: typeof orderStop
  whyNot: string | null
  children: ReactNode
}) {
  const [target, setTarget] = useState<StopTarget | null>(null)
  const value = useMemo(
    () => ({ open: (next: StopTarget = { scope: 'organization' }) => setTarget(next), whyNot }),
    [whyNot],
  )
  useFetchedAhead(whyNot === null)
  return (
    <StopDialogContext value={value}>
      {children}
      {target && <StopAgents initial={target} order={order} onClose={() => setTarget(null)} />}
    </StopDialogContext>
  )
}

const signs = ['pointermove', 'pointerdown', 'keydown', 'focusin', 'scroll'] as const

/** Stopping waits for no network: what it needs is fetched at the first sign of a person, long before anybody reaches the button. */
function useFetchedAhead(wanted: boolean): void {
  useEffect(() => {
    if (!wanted) return undefined
    const ended = new AbortController()
    const fetchIt = (): void => {
      ended.abort()
      // One that fails is asked for again when the dialog is opened.
      void loadDialog().catch(() => {})
    }
    for (const sign of signs) window.addEventListener(sign, fetchIt, { passive: true, signal: ended.signal })
    return () => ended.abort()
  }, [wanted])
}
