'use client'

import { ShieldCheck } from 'lucide-react'
import { useState } from 'react'
import { ActionButton } from '#components/ui/action-button.client.tsx'
import { Button } from '#components/ui/button.tsx'
import { plural } from '#components/ui/count.ts'
import { Dialog } from '#components/ui/dialog.client.tsx'
import { Checkbox, Select, Textarea } from '#components/ui/input.tsx'
import { Field } from '#components/ui/field.tsx'
import { Notice } from '#components/ui/notice.tsx'
import { useAction } from '#components/ui/use-action.client.ts'
import { toast } from '#components/ui/toast.client.ts'
import { findingTitle, visibleText } from '#lib/registry/rules/tool-findings.ts'
import { isLower } from '#lib/registry/rules.ts'
import { type ToolClass, toolClasses, type ToolView } from '#lib/registry/schema.ts'
import { approve } from './actions.ts'

/** New tools approved together, each by name with its class; suspended ones are decided one by one. */
export function BulkApproval({
  server,
  tools,
  whyNot,
}: {
  server: { id: string; name: string }
  tools: ToolView[]
  whyNot: string | null
}) {
  const [open, setOpen] = useState(false)
  const [chosen, setChosen] = useState<Record<string, boolean>>({})
  const [classes, setClasses] = useState<Record<string, ToolClass>>({})
  const isChosen = (tool: ToolView) => chosen[tool.name] ?? tool.findings.length === 0
  const selected = tools.filter(isChosen)
  const classOf = (tool: ToolView) => classes[tool.name] ?? tool.class
  const lowered = selected.filter((tool) => isLower(classOf(tool), tool.declaredClass))
  const [reason, setReason] = useState('')
  const { run, pending, failed } = useAction(approve, ({ approved, waits }) => {
    const wait = waits.length > 0 ? ` Lower classes wait for a second person: ${waits.join(', ')}.` : ''
    toast.success(`${plural(approved.length, 'tool')} approved.${wait}`)
    setOpen(false)
  })
  return (
    <>
      <ActionButton size="sm" whyNot={whyNot} onClick={() => setOpen(true)}>
        <ShieldCheck aria-hidden /> Approve new tools
      </ActionButton>
      <Dialog
        open={open}
        onOpenChange={setOpen}
        title={`Approve new tools of ${server.name}`}
        description="All that are ticked, or none: each with exactly the definition listed now. A tool without annotations counts as destructive."
      >
        <ul className="mb-4 divide-y">
          {tools.map((tool) => (
            <li key={tool.name} className="flex flex-wrap items-center gap-3 py-2">
              <label className="flex min-w-0 flex-1 items-start gap-2">
                <Checkbox
                  checked={isChosen(tool)}
                  onChange={(event) => setChosen({ ...chosen, [tool.name]: event.target.checked })}
                  className="mt-1"
                />
                <span className="min-w-0">
                  <code className="font-medium break-all">{tool.name}</code>
                  <span className="line-clamp-2 text-[13px] text-muted-foreground">
                    {visibleText(tool.description)}
                  </span>
                  {tool.findings.length > 0 && (
                    <span className="block text-[13px] text-warn">
                      {[...new Set(tool.findings.map(({ kind }) => findingTitle(kind)))].join(', ')}
                    </span>
                  )}
                </span>
              </label>
              <Select
                aria-label={`Class of ${tool.name}, to approve`}
                value={classOf(tool)}
                onChange={(event) => setClasses({ ...classes, [tool.name]: event.target.value as ToolClass })}
                className="h-8 w-36"
              >
                {toolClasses.map((toolClass) => (
                  <option key={toolClass}>{toolClass}</option>
                ))}
              </Select>
            </li>
          ))}
        </ul>
        {lowered.length > 0 && (
          <Field
            label="Reason"
            hint={`Why lower than declared: ${lowered.map(({ name }) => name).join(', ')}. Until somebody else confirms it, what is declared counts.`}
            required
            className="mb-4"
            error={failed?.fields['reason']?.[0]}
          >
            <Textarea value={reason} onChange={(event) => setReason(event.target.value)} rows={2} maxLength={1000} />
          </Field>
        )}
        {failed && !failed.fields['reason'] && (
          <Notice kind="danger" className="mb-4" requestId={failed.requestId}>
            {failed.message}
          </Notice>
        )}
        <div className="flex flex-wrap justify-end gap-2">
          <Button onClick={() => setOpen(false)}>Cancel</Button>
          <Button
            variant="primary"
            pending={pending}
            disabled={pending || selected.length === 0}
            onClick={() =>
              run({
                serverId: server.id,
                tools: selected.map((tool) => ({
                  name: tool.name,
                  definitionHash: tool.definitionHash,
                  class: classOf(tool),
                })),
                ...(lowered.length > 0 && reason.trim() ? { reason } : {}),
              })
            }
          >
            Approve {selected.length} of {tools.length}
          </Button>
        </div>
      </Dialog>
    </>
  )
}
