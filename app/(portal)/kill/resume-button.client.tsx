'use client'

import { useQueryClient } from '@tanstack/react-query'
import { openStopsQuery } from '#components/stops/queries.ts'
import { ReasonButton } from '#components/ui/reason-button.client.tsx'
import { releaseAction } from './actions.ts'

/** What pressing it comes to: the end, or a first step of two, or the second. */
export type ResumeStep = { step: 'end' } | { step: 'ask' } | { step: 'confirm'; askedBy: string; reason: string }

type Props = { orderId: string; name: string; typeToConfirm: string; resume: ResumeStep; whyNot: string | null }

/** Releases a stop order, or takes a step towards it; the banner above every page follows at once. */
export function ResumeButton({ orderId, name, typeToConfirm, resume, whyNot }: Props) {
  const client = useQueryClient()
  return (
    <ReasonButton
      {...wordsFor(resume, name)}
      typeToConfirm={typeToConfirm}
      variant="primary"
      action={releaseAction}
      input={{ orderId }}
      whyNot={whyNot}
      onDone={() => void client.invalidateQueries({ queryKey: openStopsQuery().queryKey })}
    />
  )
}

const effect = 'Launches and calls are allowed again from then on. Nothing that was stopped restarts by itself.'

function wordsFor(resume: ResumeStep, name: string) {
  switch (resume.step) {
    case 'end':
      return { label: 'Resume', title: `Resume ${name}`, confirm: 'Resume', description: effect }
    case 'ask':
      return {
        label: 'Ask to resume',
        title: `Ask to resume ${name}`,
        confirm: 'Ask to resume',
        description: `Two people resume everything: it stays stopped until somebody else confirms within an hour. ${effect}`,
        said: 'Asked. Somebody else has to confirm it within an hour.',
      }
    case 'confirm':
      return {
        label: 'Confirm and resume',
        title: `Resume ${name}`,
        confirm: 'Resume',
        description: `${resume.askedBy} asks for it: ${resume.reason} You are the second person. ${effect}`,
      }
  }
}
