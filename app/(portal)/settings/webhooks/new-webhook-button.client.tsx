'use client'

import { Plus } from 'lucide-react'
import { useState } from 'react'
import { ActionButton } from '#components/ui/action-button.client.tsx'
import { Button } from '#components/ui/button.tsx'
import { Dialog } from '#components/ui/dialog.client.tsx'
import { Field } from '#components/ui/field.tsx'
import { Input, Textarea } from '#components/ui/input.tsx'
import { Notice } from '#components/ui/notice.tsx'
import { useAction } from '#components/ui/use-action.client.ts'
import { create } from './actions.ts'
import { SecretNotice } from './secret-notice.tsx'

export function NewWebhookButton({ whyNot }: { whyNot: string | null }) {
  const [open, setOpen] = useState(false)
  const [secret, setSecret] = useState<string | null>(null)
  const change = (next: boolean) => {
    setOpen(next)
    if (next) setSecret(null)
  }
  return (
    <>
      <ActionButton variant="primary" whyNot={whyNot} onClick={() => change(true)}>
        <Plus aria-hidden /> New webhook
      </ActionButton>
      <Dialog open={open} onOpenChange={change} title={secret ? 'The webhook is on' : 'New webhook'}>
        {secret ? <SecretNotice secret={secret} /> : <NewWebhookForm onMade={setSecret} />}
      </Dialog>
    </>
  )
}

function NewWebhookForm({ onMade }: { onMade: (secret: string) => void }) {
  const [url, setUrl] = useState('')
  const [description, setDescription] = useState('')
  const [events, setEvents] = useState('stop.*\nagent.suspended')
  const { run, pending, failed } = useAction(create, (made) => onMade(made.secret))
  const eventError = Object.entries(failed?.fields ?? {}).find(([field]) => field.startsWith('events'))?.[1][0]
  return (
    <form
      className="grid gap-4"
      onSubmit={(event) => {
        event.preventDefault()
        run({ url, description, events: events.split(/\s+/).filter(Boolean) })
      }}
    >
      <Field
        label="Address"
        hint="It answers with a 2xx within 15 seconds."
        required
        error={failed?.fields['url']?.[0]}
      >
        <Input
          type="url"
          value={url}
          placeholder="https://"
          autoComplete="off"
          onChange={(event) => setUrl(event.target.value)}
        />
      </Field>
      <Field
        label="Events"
        hint="One on each line, by the names of the audit log: agent.created, a family such as agent.*, or * for all but tool calls."
        required
        error={eventError}
      >
        <Textarea className="font-mono" rows={4} value={events} onChange={(event) => setEvents(event.target.value)} />
      </Field>
      <Field label="What it is for" error={failed?.fields['description']?.[0]}>
        <Input value={description} maxLength={200} onChange={(event) => setDescription(event.target.value)} />
      </Field>
      {failed && Object.keys(failed.fields).length === 0 && (
        <Notice kind="danger" requestId={failed.requestId}>
          {failed.message}
        </Notice>
      )}
      <div className="flex justify-end">
        <Button type="submit" variant="primary" pending={pending}>
          Make webhook
        </Button>
      </div>
    </form>
  )
}
