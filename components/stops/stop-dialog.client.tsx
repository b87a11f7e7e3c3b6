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
  useFetchedSoon(whyNot === null)
  return (
    <StopDialogContext value={value}>
      {children}
      {target && <StopAgents initial={target} order={order} onClose={() => setTarget(null)} />}
    </StopDialogContext>
  )
}

/** Stopping waits for no network: what it needs is fetched as soon as the page itself is done. */
function useFetchedSoon(wanted: boolean): void {
  useEffect(() => {
    if (!wanted) return undefined
    // Safari has no idle callback.
    // One that fails is asked for again when the dialog is opened.
    const timer = setTimeout(() => void loadDialog().catch(() => {}), 200)
    return () => clearTimeout(timer)
  }, [wanted])
}
