'use client'

import { PlayCircle } from 'lucide-react'
import dynamic from 'next/dynamic'
import { useRouter } from 'next/navigation'
import { useState } from 'react'
import { ActionButton } from '#components/ui/action-button.client.tsx'
import { Button } from '#components/ui/button.tsx'
import { Dialog } from '#components/ui/dialog.client.tsx'
import { Field } from '#components/ui/field.tsx'
import { Textarea } from '#components/ui/input.tsx'
import { Notice } from '#components/ui/notice.tsx'
import { useAction } from '#components/ui/use-action.client.ts'
import { paths } from '#lib/core/paths.ts'
import { runNow } from '../actions.ts'

/** Loaded when a rule has refused: with it come the words of all rules. */
const KnownRuleLink = dynamic(async () => (await import('#components/rules/known-rule-link.tsx')).KnownRuleLink, {
  ssr: false,
})

export function RunNowButton({ agentId, name, whyNot }: { agentId: string; name: string; whyNot: string | null }) {
  const router = useRouter()
  const [open, setOpen] = useState(false)
  const [input, setInput] = useState('')
  const { run, pending, failed, clear } = useAction(runNow, ({ runId }) => router.push(paths.run(runId)))
  const change = (next: boolean) => {
    setOpen(next)
    clear()
  }
  return (
    <>
      <ActionButton variant="primary" whyNot={whyNot} onClick={() => change(true)}>
        <PlayCircle aria-hidden /> Run now
      </ActionButton>
      <Dialog
        open={open}
        onOpenChange={change}
        title={`Run ${name} now`}
        description="Its current version, with the grants it holds."
      >
        <form
          className="grid gap-4"
          onSubmit={(event) => {
            event.preventDefault()
            run({ agentId, ...(input.trim() ? { input } : {}) })
          }}
        >
          <Field
            label="What it should do"
            hint="Leave it empty to send the template’s first message."
            error={failed?.fields['input']?.[0]}
          >
            <Textarea value={input} onChange={(event) => setInput(event.target.value)} rows={4} maxLength={20_000} />
          </Field>
          {failed && (
            <Notice
              kind="danger"
              title={failed.rule && <KnownRuleLink id={failed.rule} agentId={agentId} />}
              requestId={failed.requestId}
            >
              {failed.message}
            </Notice>
          )}
          <div className="flex flex-wrap justify-end gap-2">
            <Button onClick={() => change(false)}>Cancel</Button>
            <Button type="submit" variant="primary" pending={pending}>
              Start run
            </Button>
          </div>
        </form>
      </Dialog>
    </>
  )
}
