'use client'

import { useState } from 'react'
import { usePackageFetch } from '#components/servers/use-package-fetch.client.ts'
import { ActionButton } from '#components/ui/action-button.client.tsx'
import { Button } from '#components/ui/button.tsx'
import { Dialog } from '#components/ui/dialog.client.tsx'
import { Field } from '#components/ui/field.tsx'
import { Input } from '#components/ui/input.tsx'
import type { PackageFetchView } from '#lib/registry/schema/packages.ts'
import { packageVersion } from '#lib/registry/schema/transport.ts'
import type { MovedServer } from './move-facts.tsx'
import { MovePlan } from './move-plan.client.tsx'

type Props = { server: MovedServer; revision: string; whyNot: string | null }

/** Moves a server to another version of its package; what that means is shown before anything changes. */
export function MoveVersion({ server, revision, whyNot }: Props) {
  const [open, setOpen] = useState(false)
  return (
    <>
      <ActionButton size="sm" whyNot={whyNot} aria-haspopup="dialog" onClick={() => setOpen(true)}>
        Move to another version…
      </ActionButton>
      <Dialog
        open={open}
        onOpenChange={setOpen}
        className="max-w-3xl"
        title={`Move ${server.name} to another version`}
        description="Newer or older, by exactly one version. Nothing changes before you confirm it at the end."
      >
        <Steps server={server} revision={revision} onClose={() => setOpen(false)} />
      </Dialog>
    </>
  )
}

function Steps({ server, revision, onClose }: Omit<Props, 'whyNot'> & { onClose: () => void }) {
  // What is confirmed is what was shown here, whatever the page shows meanwhile.
  const [seen] = useState({ server, revision })
  const [fetched, setFetched] = useState<PackageFetchView | null>(null)
  return (
    <div className="grid grid-cols-1 gap-5">
      <FetchVersion name={seen.server.command.package.name} onFetched={setFetched} />
      {fetched && <MovePlan key={fetched.id} {...seen} fetched={fetched} onClose={onClose} />}
    </div>
  )
}

type FetchProps = { name: string; onFetched: (fetched: PackageFetchView | null) => void }

function FetchVersion({ name, onFetched }: FetchProps) {
  const [version, setVersion] = useState('')
  const [wrong, setWrong] = useState<string | null>(null)
  const { fetchOnce, fetching, said, say } = usePackageFetch()
  async function take(): Promise<void> {
    const typed = packageVersion.safeParse(version)
    setWrong(typed.success ? null : typed.error.issues[0]!.message)
    onFetched(null)
    say('')
    if (!typed.success) return
    const outcome = await fetchOnce({ name, version: typed.data })
    if (!outcome.ok) return setWrong(outcome.error.message)
    say(`${name}@${typed.data} is fetched. Nothing has changed yet.`)
    onFetched(outcome.value)
  }
  return (
    <form
      className="grid grid-cols-1 gap-3"
      onSubmit={(event) => {
        event.preventDefault()
        if (!fetching) void take()
      }}
    >
      <Field
        label="Version"
        required
        hint={
          <>
            One exact version of <code className="break-all">{name}</code>, such as 1.2.0. The worker fetches and
            verifies it, which goes on when you leave; asking again finds it.
          </>
        }
        {...(wrong ? { error: wrong } : {})}
      >
        <Input
          value={version}
          readOnly={fetching}
          autoComplete="off"
          spellCheck={false}
          onChange={(event) => {
            setVersion(event.target.value.trim())
            setWrong(null)
            onFetched(null)
            say('')
          }}
        />
      </Field>
      <div className="flex flex-wrap items-center gap-3">
        <Button type="submit" pending={fetching} disabled={fetching}>
          Fetch it
        </Button>
        <p role="status" className="min-w-0 text-sm break-words">
          {said}
        </p>
      </div>
    </form>
  )
}
