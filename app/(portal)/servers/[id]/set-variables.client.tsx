'use client'

import { useState } from 'react'
import { secretOfValues } from '#components/servers/program-draft.ts'
import { Field } from '#components/ui/field.tsx'
import { FormFooter } from '#components/ui/form-footer.client.tsx'
import { Input } from '#components/ui/input.tsx'
import { toast } from '#components/ui/toast.client.ts'
import { useAction } from '#components/ui/use-action.client.ts'
import { setCredential } from './actions.ts'
import { CredentialTeam, type Team } from './credential-team.tsx'

type Props = { serverId: string; variables: readonly string[]; teams: readonly Team[]; onDone: () => void }

const shownFields = new Set(['secret', 'expiresAt', 'reason'])

/** The credential of a program: the values of its variables, one field each. */
export function VariablesForm({ serverId, variables, teams, onDone }: Props) {
  const [draft, setDraft] = useState({ teamId: '', expires: '', reason: '' })
  const [values, setValues] = useState<Record<string, string>>({})
  const { run, pending, failed } = useAction(setCredential, () => {
    toast.success('The values are sealed.')
    onDone()
  })
  const errorOf = (field: string) => failed?.fields[field]?.[0] ?? ''
  const secretError =
    errorOf('secret') && secretOfValues(variables, values) === null
      ? 'Give a value of at least one variable.'
      : errorOf('secret')
  return (
    <form
      className="grid gap-4"
      autoComplete="off"
      onSubmit={(event) => {
        event.preventDefault()
        const { teamId, expires, reason } = draft
        run({
          serverId,
          teamId: teamId || null,
          kind: 'bearer',
          secret: secretOfValues(variables, values) ?? '',
          ...(expires ? { expiresAt: `${expires}T23:59:59Z` } : {}),
          ...(reason ? { reason } : {}),
        })
      }}
    >
      <CredentialTeam teams={teams} value={draft.teamId} onChange={(teamId) => setDraft({ ...draft, teamId })} />
      {variables.map((name, at) => (
        <Field key={name} label={<code className="break-all">{name}</code>} error={at === 0 ? secretError : ''}>
          <Input
            type="password"
            autoComplete="new-password"
            value={values[name] ?? ''}
            onChange={(event) => setValues({ ...values, [name]: event.target.value })}
          />
        </Field>
      ))}
      <Field label="Ends on, if that is known" error={errorOf('expiresAt')}>
        <Input
          type="date"
          value={draft.expires}
          onChange={(event) => setDraft({ ...draft, expires: event.target.value })}
        />
      </Field>
      <Field label="Reason" error={errorOf('reason')}>
        <Input
          value={draft.reason}
          maxLength={500}
          onChange={(event) => setDraft({ ...draft, reason: event.target.value })}
        />
      </Field>
      <FormFooter
        failed={failed}
        always={Object.keys(failed?.fields ?? {}).some((field) => !shownFields.has(field))}
        onCancel={onDone}
        pending={pending}
      >
        Seal values
      </FormFooter>
    </form>
  )
}
