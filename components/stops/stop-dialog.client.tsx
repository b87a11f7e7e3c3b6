'use client'

import { useQueryClient } from '@tanstack/react-query'
import { createContext, type ReactNode, use, useMemo, useState } from 'react'
import type { orderStop } from '#app/(portal)/actions.ts'
import { StopForm, type StopTarget } from './stop-form.client.tsx'
import { Dialog } from '#components/ui/dialog.client.tsx'

type StopDialog = { open: (target?: StopTarget) => void; whyNot: string | null }

const StopDialogContext = createContext<StopDialog>({ open: () => {}, whyNot: 'Not available here.' })

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
  const queries = useQueryClient()
  const [target, setTarget] = useState<StopTarget | null>(null)
  const value = useMemo(
    () => ({ open: (next: StopTarget = { scope: 'organization' }) => setTarget(next), whyNot }),
    [whyNot],
  )
  return (
    <StopDialogContext value={value}>
      {children}
      <Dialog
        open={target !== null}
        onOpenChange={(open) => !open && setTarget(null)}
        title="Stop agents"
        description="Launches and tool calls are refused at once; open runs are interrupted. Nothing restarts by itself."
      >
        {target && (
          <StopForm
            initial={target}
            order={order}
            onDone={() => {
              setTarget(null)
              void queries.invalidateQueries({ queryKey: ['stops'] })
            }}
          />
        )}
      </Dialog>
    </StopDialogContext>
  )
}
