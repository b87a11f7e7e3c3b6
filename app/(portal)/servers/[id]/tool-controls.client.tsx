'use client'

import { ShieldCheck } from 'lucide-react'
import { useState } from 'react'
import { toast } from 'sonner'
import { ActionButton } from '#components/ui/action-button.client.tsx'
import { Button } from '#components/ui/button.tsx'
import { Select } from '#components/ui/input.tsx'
import { useAction } from '#components/ui/use-action.client.ts'
import { type ToolClass, toolClasses, type ToolState } from '#lib/registry/schema.ts'
import { approve, classify } from './actions.ts'

type Tool = { name: string; class: ToolClass; state: ToolState; definitionHash: string }

/** Says which class a tool is, and lets a reviewed one out of quarantine: exactly the definition that was read, by its hash. */
export function ToolControls({ serverId, tool, whyNot }: { serverId: string; tool: Tool; whyNot: string | null }) {
  const approving = useAction(approve, () => toast.success(`${tool.name} is approved.`))
  const [chosen, setChosen] = useState(tool.class)
  const classifying = useAction(classify, () => toast.success(`The class of ${tool.name} is changed to ${chosen}.`))
  const failed = approving.failed ?? classifying.failed
  if (tool.state === 'removed') return null
  return (
    <div className="flex flex-wrap items-center justify-end gap-2">
      {failed && (
        <span role="alert" className="text-[13px] text-danger">
          {failed.message}
        </span>
      )}
      <Select
        aria-label={`Class of ${tool.name}`}
        title={whyNot ?? undefined}
        value={chosen}
        disabled={whyNot !== null || classifying.pending}
        onChange={(event) => setChosen(event.target.value as ToolClass)}
        className="h-8 w-36"
      >
        {toolClasses.map((toolClass) => (
          <option key={toolClass}>{toolClass}</option>
        ))}
      </Select>
      {chosen !== tool.class && (
        <>
          <Button
            size="sm"
            variant="danger"
            pending={classifying.pending}
            onClick={() =>
              classifying.run({ serverId, name: tool.name, class: chosen, reason: 'Changed on the page.' })
            }
          >
            Change to {chosen}
          </Button>
          <Button size="sm" onClick={() => setChosen(tool.class)}>
            Cancel
          </Button>
          <p role="status" className="w-full text-right text-[13px] text-muted-foreground">
            Every agent with {chosen} on this server may call it from then on.
          </p>
        </>
      )}
      {tool.state === 'quarantined' && (
        <ActionButton
          size="sm"
          whyNot={whyNot}
          pending={approving.pending}
          onClick={() =>
            approving.run({
              serverId,
              tools: [{ name: tool.name, definitionHash: tool.definitionHash }],
              reason: 'Reviewed on the page.',
            })
          }
        >
          <ShieldCheck aria-hidden /> Approve
        </ActionButton>
      )}
    </div>
  )
}
