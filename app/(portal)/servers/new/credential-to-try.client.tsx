'use client'

import { credentialInput, type Draft, emptyDraft } from '#components/servers/credential-draft.ts'
import { CredentialFields } from '#components/servers/credential-fields.client.tsx'
import { Field } from '#components/ui/field.tsx'
import { Select } from '#components/ui/input.tsx'
import { credentialKinds, isTriedKind, type ProbeCredential, triedKinds } from '#lib/registry/schema/credentials.ts'

type Props = {
  /** null: none is tried. */
  draft: Draft | null
  change: (draft: Draft | null) => void
  errorOf: (field: string) => string | undefined
}

/** A credential that is shown to an address once. */
export function CredentialToTry({ draft, change, errorOf }: Props) {
  return (
    <>
      <Field
        label="Credential to try"
        hint="Tried once and forgotten; the server’s page sets the one that is used, of any kind."
      >
        <Select
          value={draft?.kind ?? ''}
          onChange={({ target: { value } }) => change(isTriedKind(value) ? { ...emptyDraft, kind: value } : null)}
        >
          <option value="">none</option>
          {triedKinds.map((kind) => (
            <option key={kind} value={kind}>
              {credentialKinds[kind]}
            </option>
          ))}
        </Select>
      </Field>
      {draft && (
        <CredentialFields
          draft={draft}
          change={(part) => change({ ...draft, ...part })}
          errorOf={(field) => errorOf(`credential.${field}`) ?? errorOf(field)}
          isTried
        />
      )}
    </>
  )
}

export function headerToTry(headerName: string): Draft | null {
  return { ...emptyDraft, kind: 'header', headerName }
}

/** What is sent of it; nothing where it is none or not complete in its kind. */
export function triedCredential(draft: Draft | null): { credential?: ProbeCredential } {
  if (draft === null || !isTriedKind(draft.kind)) return {}
  const { serverId: _, teamId: __, ...credential } = credentialInput('', draft) as Record<string, unknown>
  return { credential: credential as ProbeCredential }
}
