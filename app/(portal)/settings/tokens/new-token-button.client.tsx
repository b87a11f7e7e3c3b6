'use client'

import { Plus } from 'lucide-react'
import { useState } from 'react'
import { Button } from '#components/ui/button.tsx'
import { CopyButton } from '#components/ui/copy-button.client.tsx'
import { Dialog } from '#components/ui/dialog.client.tsx'
import { Field } from '#components/ui/field.tsx'
import { Checkbox, Input, Select } from '#components/ui/input.tsx'
import { Notice } from '#components/ui/notice.tsx'
import { useAction } from '#components/ui/use-action.client.ts'
import { createToken } from './actions.ts'

const lifetimes = [7, 30, 90, 365]

export function NewTokenButton({ permissions }: { permissions: readonly string[] }) {
  const [open, setOpen] = useState(false)
  const [token, setToken] = useState<string | null>(null)
  const change = (next: boolean) => {
    setOpen(next)
    if (next) setToken(null)
  }
  return (
    <>
      <Button variant="primary" onClick={() => change(true)}>
        <Plus aria-hidden /> New token
      </Button>
      <Dialog open={open} onOpenChange={change} title={token ? 'Your new token' : 'New access token'}>
        {token ? <Made token={token} /> : <NewTokenForm permissions={permissions} onMade={setToken} />}
      </Dialog>
    </>
  )
}

function Made({ token }: { token: string }) {
  return (
    <div className="grid gap-4">
      <Notice kind="ok" title="Copy it now">
        It is shown this once; here only its fingerprint is kept.
      </Notice>
      <div className="flex items-center gap-2 rounded-md bg-muted p-3">
        <code className="min-w-0 grow text-xs break-all">{token}</code>
        <CopyButton text={token} what="token" />
      </div>
    </div>
  )
}

function NewTokenForm({ permissions, onMade }: { permissions: readonly string[]; onMade: (token: string) => void }) {
  const [name, setName] = useState('')
  const [days, setDays] = useState(30)
  const [chosen, setChosen] = useState<readonly string[]>(() =>
    permissions.filter((permission) => permission.endsWith(':read')),
  )
  const { run, pending, failed } = useAction(createToken, (made) => onMade(made.token))
  const toggle = (permission: string) =>
    setChosen(chosen.includes(permission) ? chosen.filter((other) => other !== permission) : [...chosen, permission])
  return (
    <form
      className="grid gap-4"
      onSubmit={(event) => {
        event.preventDefault()
        run({ name, days, permissions: [...chosen] })
      }}
    >
      <Field
        label="Name"
        hint="Where it is used, so that you recognize it later."
        required
        error={failed?.fields['name']?.[0]}
      >
        <Input value={name} onChange={(event) => setName(event.target.value)} maxLength={100} autoComplete="off" />
      </Field>
      <Field label="Works for" error={failed?.fields['days']?.[0]}>
        <Select value={days} onChange={(event) => setDays(Number(event.target.value))}>
          {lifetimes.map((option) => (
            <option key={option} value={option}>
              {option} days
            </option>
          ))}
        </Select>
      </Field>
      <fieldset>
        <legend className="mb-1.5 text-sm font-medium">May</legend>
        <div className="grid max-h-56 gap-1 overflow-y-auto rounded-md border p-2 sm:grid-cols-2">
          {permissions.map((permission) => (
            <label key={permission} className="flex items-center gap-2 rounded-sm px-1 py-0.5">
              <Checkbox checked={chosen.includes(permission)} onChange={() => toggle(permission)} />
              <code className="text-xs">{permission}</code>
            </label>
          ))}
        </div>
        {failed?.fields['permissions'] && (
          <p className="mt-1 text-[13px] text-danger">{failed.fields['permissions'][0]}</p>
        )}
      </fieldset>
      {failed && Object.keys(failed.fields).length === 0 && (
        <Notice kind="danger" requestId={failed.requestId}>
          {failed.message}
        </Notice>
      )}
      <div className="flex justify-end">
        <Button type="submit" variant="primary" pending={pending}>
          Make token
        </Button>
      </div>
    </form>
  )
}
