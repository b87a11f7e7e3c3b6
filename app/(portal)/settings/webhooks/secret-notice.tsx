import { CopyButton } from '#components/ui/copy-button.client.tsx'
import { Notice } from '#components/ui/notice.tsx'

/** A secret at the only moment that it can be read. */
export function SecretNotice({ secret, children }: { secret: string; children?: string }) {
  return (
    <div className="grid gap-4">
      <Notice kind="ok" title="Copy the secret now">
        It is shown this once. The receiver verifies with it that a message is ours. {children}
      </Notice>
      <div className="flex items-center gap-2 rounded-md bg-muted p-3">
        <code className="min-w-0 grow text-xs break-all">{secret}</code>
        <CopyButton text={secret} what="secret" />
      </div>
    </div>
  )
}
