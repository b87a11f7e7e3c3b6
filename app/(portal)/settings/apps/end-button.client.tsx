'use client'

import { ConfirmButton } from '#components/ui/confirm-button.client.tsx'
import { endConnection } from './actions.ts'

export function EndButton({ connectionId, name }: { connectionId: string; name: string }) {
  return (
    <ConfirmButton
      label="Disconnect"
      object={name}
      title={`Disconnect ${name}`}
      description="It is refused from its next question on. To come back it has to ask you again."
      confirm="Disconnect app"
      action={endConnection}
      input={{ connectionId }}
      said={`${name} is disconnected.`}
    />
  )
}
