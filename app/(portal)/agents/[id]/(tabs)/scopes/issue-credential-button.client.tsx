'use client'

import { KeyRound } from 'lucide-react'
import { useState } from 'react'
import { ActionButton } from '#components/ui/action-button.client.tsx'
import { Button } from '#components/ui/button.tsx'
import { CopyButton } from '#components/ui/copy-button.client.tsx'
import { Dialog } from '#components/ui/dialog.client.tsx'
import { Notice } from '#components/ui/notice.tsx'
import { useAction } from '#components/ui/use-action.client.ts'
import { issueCredential } from '../../actions.ts'

type Issued = { clientId: string; clientSecret: string | null }

export function IssueCredentialButton({
  agentId,
  agentName,
  whyNot,
}: {
  agentId: string
  agentName: string
  whyNot: string | null
}) {
  const [open, setOpen] = useState(false)
  const [issued, setIssued] = useState<Issued | null>(null)
  const { run, pending, failed, clear } = useAction(issueCredential, setIssued)
  const change = (next: boolean) => {
    setOpen(next)
    // The secret is gone with the dialog.
    setIssued(null)
    clear()
  }
  return (
    <>
      <ActionButton size="sm" whyNot={whyNot} onClick={() => change(true)}>
        <KeyRound aria-hidden /> Issue a credential
      </ActionButton>
      <Dialog
        open={open}
        onOpenChange={change}
        title={issued ? 'The new credential' : `Issue a credential for ${agentName}`}
        description={
          issued
            ? 'The agent sends both to the token endpoint (client_credentials).'
            : 'Whoever holds its secret can call the tools this agent is granted, until it is revoked.'
        }
        footer={
          issued ? (
            <Button onClick={() => change(false)}>Done</Button>
          ) : (
            <>
              <Button onClick={() => change(false)}>Cancel</Button>
              <Button variant="primary" pending={pending} onClick={() => run({ agentId })}>
                Issue credential
              </Button>
            </>
          )
        }
      >
        {failed && (
          <Notice kind="danger" requestId={failed.requestId}>
            {failed.message}
          </Notice>
        )}
        {issued && <Made {...issued} />}
      </Dialog>
    </>
  )
}

function Made({ clientId, clientSecret }: Issued) {
  return (
    <div className="grid gap-4">
      <Notice kind="ok" title="Copy the secret now">
        It is shown this once; here only its fingerprint is kept.
      </Notice>
      <dl className="grid gap-3">
        <Copyable label="Client id" text={clientId} />
        {clientSecret !== null && <Copyable label="Client secret" text={clientSecret} />}
      </dl>
    </div>
  )
}

function Copyable({ label, text }: { label: string; text: string }) {
  return (
    <div>
      <dt className="mb-1 text-sm font-medium">{label}</dt>
      <dd className="flex items-center gap-2 rounded-md bg-muted p-3">
        <code className="min-w-0 grow text-xs break-all">{text}</code>
        <CopyButton text={text} what={label.toLowerCase()} />
      </dd>
    </div>
  )
}
