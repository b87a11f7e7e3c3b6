'use client'

import { ActionButton } from '#components/ui/action-button.client.tsx'
import { ReasonButton } from '#components/ui/reason-button.client.tsx'
import { useAction } from '#components/ui/use-action.client.ts'
import { authorizeServer, removeCredential } from './actions.ts'

type Props = { serverId: string; teamId: string | null; whose: string; byPerson: boolean; whyNot: string | null }

/** Removes one credential, or sends its person to authorize it again. */
export function CredentialControls({ serverId, teamId, whose, byPerson, whyNot }: Props) {
  const authorizing = useAction(authorizeServer, ({ authorizationUrl }) => window.location.assign(authorizationUrl))
  return (
    <div className="flex flex-wrap items-center justify-end gap-2">
      {authorizing.failed && (
        <span role="alert" className="text-[13px] text-danger">
          {authorizing.failed.message}
        </span>
      )}
      {byPerson && (
        <ActionButton
          size="sm"
          whyNot={whyNot}
          pending={authorizing.pending}
          onClick={() => authorizing.run({ serverId, teamId })}
        >
          Authorize again
        </ActionButton>
      )}
      <ReasonButton
        label="Remove"
        size="sm"
        title={`Remove the credential of ${whose}`}
        description="Calls that need it are refused from then on. What is removed cannot be brought back."
        confirm="Remove credential"
        said="The credential is removed."
        action={removeCredential}
        input={{ serverId, teamId }}
        whyNot={whyNot}
      />
    </div>
  )
}
