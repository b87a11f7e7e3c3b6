'use client'

import { ConfirmButton } from '#components/ui/confirm-button.client.tsx'
import { revokeToken } from './actions.ts'

export function RevokeTokenButton({ tokenId, name }: { tokenId: string; name: string }) {
  return (
    <ConfirmButton
      label="Revoke"
      object={name}
      title={`Revoke ${name}`}
      description="Whatever uses this token is refused from its next request on."
      confirm="Revoke token"
      action={revokeToken}
      input={{ tokenId }}
      said={`${name} is revoked.`}
    />
  )
}
