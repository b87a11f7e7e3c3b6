'use client'

import { useState } from 'react'
import { Button } from '#components/ui/button.tsx'
import { Dialog } from '#components/ui/dialog.client.tsx'
import { Field } from '#components/ui/field.tsx'
import { Checkbox, Input, Select } from '#components/ui/input.tsx'
import { Notice } from '#components/ui/notice.tsx'
import { toast } from '#components/ui/toast.client.ts'
import { useAction } from '#components/ui/use-action.client.ts'
import { type Kind, kindFacts, kinds, teamKinds } from '#lib/notifications/schema/kinds.ts'
import { addChannel } from './actions.ts'

type Props = {
  owner: 'me' | 'shared'
  label: string
  /** Of a shared one: whose it can be. */
  teams?: readonly { id: string; name: string }[]
  organization?: boolean
}

export function AddChannelButton(props: Props) {
  const [open, setOpen] = useState(false)
  const title = props.owner === 'me' ? 'My Slack channel' : 'New channel'
  return (
    <>
      <Button size="sm" aria-label={`${props.label}: ${title}`} onClick={() => setOpen(true)}>
        {props.label}
      </Button>
      <Dialog
        open={open}
        onOpenChange={setOpen}
        title={title}
        description="An incoming webhook, made in Slack. Its address is a secret: whoever has it can write there, and it is never shown again."
      >
        <ChannelForm {...props} onMade={() => setOpen(false)} />
      </Dialog>
    </>
  )
}

const noTeams: NonNullable<Props['teams']> = []
const usual: readonly Kind[] = ['stop', 'break_glass', 'agent_state']

function ChannelForm({ owner, teams = noTeams, organization = false, onMade }: Props & { onMade: () => void }) {
  const [url, setUrl] = useState('')
  const [name, setName] = useState('')
  const [teamId, setTeamId] = useState(teams[0]?.id ?? '')
  const [told, setTold] = useState<readonly Kind[]>(usual)
  const { run, pending, failed } = useAction(addChannel, () => {
    toast.success('The channel is on.')
    onMade()
  })
  const offered: readonly Kind[] = teamId === '' ? kinds : teamKinds
  const toggle = (kind: Kind) => setTold(told.includes(kind) ? told.filter((each) => each !== kind) : [...told, kind])
  const submit = () => {
    if (owner === 'me') return run({ owner, url })
    const shared = { name, url, kinds: told.filter((kind) => offered.includes(kind)) }
    return run(teamId === '' ? { owner: 'organization', ...shared } : { owner: 'team', teamId, ...shared })
  }
  return (
    <form
      className="grid gap-4"
      onSubmit={(event) => {
        event.preventDefault()
        submit()
      }}
    >
      <Field label="Address" required error={failed?.fields['url']?.[0]}>
        <Input
          type="password"
          value={url}
          placeholder="https://hooks.slack.com/services/…"
          autoComplete="off"
          onChange={(event) => setUrl(event.target.value)}
        />
      </Field>
      {owner === 'shared' && (
        <>
          <Field label="Name" required error={failed?.fields['name']?.[0]}>
            <Input
              value={name}
              maxLength={100}
              placeholder="#agents"
              onChange={(event) => setName(event.target.value)}
            />
          </Field>
          <Field label="Of">
            <Select value={teamId} onChange={(event) => setTeamId(event.target.value)}>
              {organization && <option value="">The organization</option>}
              {teams.map((team) => (
                <option key={team.id} value={team.id}>
                  {team.name}
                </option>
              ))}
            </Select>
          </Field>
          <fieldset className="grid gap-1.5">
            <legend className="mb-1 text-sm font-medium">Told of</legend>
            {offered.map((kind) => (
              <label key={kind} className="flex items-center gap-2 text-sm">
                <Checkbox checked={told.includes(kind)} onChange={() => toggle(kind)} />
                {kindFacts[kind].label}
              </label>
            ))}
            {failed?.fields['kinds']?.[0] && <p className="text-[13px] text-danger">{failed.fields['kinds'][0]}</p>}
          </fieldset>
        </>
      )}
      {failed && Object.keys(failed.fields).length === 0 && (
        <Notice kind="danger" requestId={failed.requestId}>
          {failed.message}
        </Notice>
      )}
      <div className="flex justify-end">
        <Button type="submit" variant="primary" pending={pending}>
          Add channel
        </Button>
      </div>
    </form>
  )
}
