'use client'

import { CopyButton } from '#components/ui/copy-button.client.tsx'
import { Dialog } from '#components/ui/dialog.client.tsx'

/** How to get what the page shows from a terminal or a program. */
export function AsCommandDialog({
  open,
  onOpenChange,
  cli,
  apiPath,
}: {
  open: boolean
  onOpenChange: (open: boolean) => void
  cli: string
  apiPath: string
}) {
  const origin = typeof window === 'undefined' ? '' : window.location.origin
  const api = `curl -H "Authorization: Bearer $WHEELHOUSE_TOKEN" '${origin}${apiPath}'`
  return (
    <Dialog
      open={open}
      onOpenChange={onOpenChange}
      title="As CLI or API"
      description="The same view, from a terminal or a program."
    >
      <div className="grid gap-4">
        <Command label="CLI" text={cli} />
        <Command label="HTTP API" text={api} />
      </div>
    </Dialog>
  )
}

function Command({ label, text }: { label: string; text: string }) {
  return (
    <div>
      <div className="flex items-center justify-between">
        <h3 className="text-sm font-medium">{label}</h3>
        <CopyButton text={text} what={`${label} command`} />
      </div>
      <pre className="rounded-md bg-muted p-3 font-mono text-xs break-all whitespace-pre-wrap">{text}</pre>
    </div>
  )
}
