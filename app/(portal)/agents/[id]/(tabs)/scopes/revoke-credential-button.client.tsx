'use client'

import { ConfirmButton } from '#components/ui/confirm-button.client.tsx'
import { revokeCredential } from '../../actions.ts'

export function RevokeCredentialButton({
  agentId,
  clientId,
  whyNot,
}: {
  agentId: string
  clientId: string
  whyNot: string | null
}) {
  return (
    <ConfirmButton
      label="Revoke"
      object={`credential ${clientId}`}
      title={`Revoke credential ${clientId}`}
      description="Whatever authenticates with it gets no token from now on."
      confirm="Revoke credential"
      action={revokeCredential}
      input={{ agentId, clientId }}
      said="The credential is revoked."
      whyNot={whyNot}
    />
  )
}
