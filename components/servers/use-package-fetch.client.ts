'use client'

import { useState } from 'react'
import { fetchPackage, readPackage } from '#app/(portal)/servers/new/actions.ts'
import { wordsOf } from '#components/ui/use-action.client.ts'
import { err, ok, type Result } from '#lib/core/result.ts'
import type { PackageFetchView, PackageProblem, PackageProgress } from '#lib/registry/schema/packages.ts'
import { useIsLeft } from './use-is-left.client.ts'

const everyMs = 1000
const triesMax = 240

type Wanted = { name: string; version: string }
type Failed = { message: string; field: PackageProblem['field'] | null }

/** Has the worker fetch a package; `said` tells how far it has come. It goes on when somebody leaves, and asking again finds it. */
export function usePackageFetch() {
  const [fetching, setFetching] = useState(false)
  const [said, setSaid] = useState('')
  const isLeft = useIsLeft()
  const fetchOnce = async (wanted: Wanted): Promise<Result<PackageFetchView, Failed>> => {
    setFetching(true)
    setSaid(wordsOfProgress(null))
    const outcome = await fetched(wanted, { say: setSaid, isLeft }).catch(() => err(unreached))
    setFetching(false)
    setSaid('')
    return outcome
  }
  return { fetchOnce, fetching, said, say: setSaid }
}

const unreached: Failed = { message: 'The server could not be reached.', field: null }

/** What was fetched, or why it was not. */
async function fetched(
  wanted: Wanted,
  { say, isLeft }: { say: (progress: string) => void; isLeft: () => boolean },
): Promise<Result<PackageFetchView, Failed>> {
  const asked = await fetchPackage(wanted)
  if (!asked.ok) return refused(asked.error)
  for (let tries = 0; tries < triesMax && !isLeft(); tries += 1) {
    const read = await readPackage({ packageId: asked.value.packageId })
    if (!read.ok) return refused(read.error)
    if (read.value.problem) return err(read.value.problem)
    if (read.value.package) return ok(read.value)
    say(wordsOfProgress(read.value.progress))
    await new Promise((resolve) => setTimeout(resolve, everyMs))
  }
  return err({ message: 'The worker has not fetched it yet. Is it running?', field: null })
}

function refused(error: unknown): Result<never, Failed> {
  return err({ message: wordsOf(error).message, field: null })
}

function wordsOfProgress(progress: PackageProgress | null): string {
  if (!progress) return 'It waits for the worker.'
  const { packages, bytes } = progress
  if (packages === null) return 'Looking for what it depends on.'
  return `Fetching ${packages === 1 ? '1 package' : `${packages} packages`}: ${Math.ceil(bytes / 1024)} kB so far.`
}
