'use client'

import { useState } from 'react'
import { probe, readProbe } from '#app/(portal)/servers/new/actions.ts'
import { wordsOf } from '#components/ui/use-action.client.ts'
import type { ProbeReport } from '#lib/registry/schema/probes.ts'
import type { ServerCommand } from '#lib/registry/schema/transport.ts'
import { useIsLeft } from './use-is-left.client.ts'

/** What is looked at: an address, or a program and the id the server has or is to have. */
export type ProbeTarget = { url: string } | { command: ServerCommand; id?: string }

/** A program is another one in the folder of another server. */
export function keyOf(target: ProbeTarget | null): string {
  return JSON.stringify(target)
}

const everyMs = 700
const triesMax = 80

type Input = Parameters<typeof probe>[0]

/** A program is tried with what its variables are set to; null: nothing. */
export function programInput(target: ProbeTarget, secret: string | null): Input {
  return secret === null ? target : { ...target, credential: { kind: 'bearer', secret } }
}

type Failed = { message: string; fields?: Readonly<Record<string, readonly string[]>> }

/** Lets the worker look at an address or a program; the report goes to `onReport`. */
export function useProbe(onReport: (report: ProbeReport) => void) {
  const [looking, setLooking] = useState(false)
  const [failed, setFailed] = useState<Failed | null>(null)
  const isLeft = useIsLeft()
  const look = async (input: Input): Promise<void> => {
    if (looking) return
    setLooking(true)
    setFailed(null)
    const outcome = await lookAt(input, isLeft).catch(() => unreached)
    if (isLeft()) return
    if ('report' in outcome) onReport(outcome.report)
    else setFailed(outcome)
    setLooking(false)
  }
  return { look, looking, failed }
}

const unreached: Failed = { message: 'The server could not be reached.' }

async function lookAt(input: Input, isLeft: () => boolean): Promise<Failed | { report: ProbeReport }> {
  const asked = await probe(input)
  if (!asked.ok) return wordsOf(asked.error)
  for (let tries = 0; tries < triesMax && !isLeft(); tries += 1) {
    const read = await readProbe({ probeId: asked.value.probeId })
    if (!read.ok) return wordsOf(read.error)
    if (read.value.report) return { report: read.value.report }
    await new Promise((resolve) => setTimeout(resolve, everyMs))
  }
  return { message: 'The worker has not looked at it yet. Is it running?' }
}
