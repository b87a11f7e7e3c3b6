'use client'

import { KeyRound } from 'lucide-react'
import { useState } from 'react'
import { ActionButton } from '#components/ui/action-button.client.tsx'
import { Dialog } from '#components/ui/dialog.client.tsx'
import { Field } from '#components/ui/field.tsx'
import { FormFooter } from '#components/ui/form-footer.client.tsx'
import { Input, Select } from '#components/ui/input.tsx'
import { useAction } from '#components/ui/use-action.client.ts'
import { toast } from '#components/ui/toast.client.ts'
import { type CredentialKind, credentialKinds } from '#lib/registry/schema.ts'
import { authorizeServer, setCredential } from './actions.ts'
import { CredentialTeam, type Team } from './credential-team.tsx'
import { VariablesForm } from './set-variables.client.tsx'
import { credentialInput, type Draft, emptyDraft } from '#components/servers/credential-draft.ts'
import { CredentialFields } from '#components/servers/credential-fields.client.tsx'

type Props = {
  serverId: string
  /** Of a server over stdio: the names of its variables; null: it is reached over HTTP. */
  variables: readonly string[] | null
  teams: readonly Team[]
  /** Where authorization servers send a person back to. */
  redirectUrl: string
  whyNot: string | null
}

/** Opens the form that sets or replaces a credential; what was set before is never shown in it. */
export function SetCredentialButton({ serverId, variables, teams, redirectUrl, whyNot }: Props) {
  const [open, setOpen] = useState(false)
  const nothing = variables?.length === 0 ? 'Its program takes no variables, so there is nothing to set.' : null
  const of = { serverId, teams, onDone: () => setOpen(false) }
  return (
    <>
      <ActionButton size="sm" whyNot={whyNot ?? nothing} onClick={() => setOpen(true)}>
        <KeyRound aria-hidden /> Set a credential
      </ActionButton>
      <Dialog
        open={open}
        onOpenChange={setOpen}
        title="Set a credential"
        description={
          variables
            ? 'The program is started with these values. They are sealed at once and never shown again; those that are there already for the same team are replaced, all of them.'
            : 'It is sealed at once and never shown again. One that is there already for the same team is replaced.'
        }
      >
        {variables ? (
          <VariablesForm {...of} variables={variables} />
        ) : (
          <CredentialForm {...of} redirectUrl={redirectUrl} />
        )}
      </Dialog>
    </>
  )
}

function CredentialForm(props: Pick<Props, 'serverId' | 'teams' | 'redirectUrl'> & { onDone: () => void }) {
  const [draft, setDraft] = useState<Draft>(emptyDraft)
  const setting = useAction(setCredential, () => {
    toast.success('The credential is sealed.')
    props.onDone()
  })
  const authorizing = useAction(authorizeServer, ({ authorizationUrl }) => window.location.assign(authorizationUrl))
  const byPerson = draft.kind === 'oauth_person'
  const { failed, pending } = byPerson ? authorizing : setting
  const errorOf = (field: string) => failed?.fields[field]?.[0]
  const change = (part: Partial<Draft>) => setDraft({ ...draft, ...part })
  return (
    <form
      className="grid gap-4"
      autoComplete="off"
      onSubmit={(event) => {
        event.preventDefault()
        const input = credentialInput(props.serverId, draft)
        if (input.kind === 'oauth_person') authorizing.run(input.authorize)
        else setting.run(input)
      }}
    >
      <CredentialTeam teams={props.teams} value={draft.teamId} onChange={(teamId) => change({ teamId })} />
      <Field label="Kind">
        <Select value={draft.kind} onChange={(event) => change({ kind: event.target.value as CredentialKind })}>
          {Object.entries(credentialKinds).map(([kind, label]) => (
            <option key={kind} value={kind}>
              {label}
            </option>
          ))}
        </Select>
      </Field>
      <CredentialFields draft={draft} change={change} errorOf={errorOf} redirectUrl={props.redirectUrl} />
      <Field label="Reason" error={errorOf('reason')}>
        <Input value={draft.reason} maxLength={500} onChange={(event) => change({ reason: event.target.value })} />
      </Field>
      <FormFooter failed={failed} always onCancel={props.onDone} pending={pending}>
        {byPerson ? 'Go to authorize' : 'Seal credential'}
      </FormFooter>
    </form>
  )
}
