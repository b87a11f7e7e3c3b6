'use client'

import { ShieldCheck } from 'lucide-react'
import { toast } from 'sonner'
import { ActionButton } from '#components/ui/action-button.client.tsx'
import { Select } from '#components/ui/input.tsx'
import { useAction } from '#components/ui/use-action.client.ts'
import { type ToolClass, toolClasses, type ToolState } from '#lib/registry/schema.ts'
import { approve, classify } from './actions.ts'

type Tool = { name: string; class: ToolClass; state: ToolState; definitionHash: string }

/** Says which class a tool is, and lets a reviewed one out of quarantine: exactly the definition that was read, by its hash. */
export function ToolControls({ serverId, tool, whyNot }: { serverId: string; tool: Tool; whyNot: string | null }) {
  const approving = useAction(approve, () => toast.success(`${tool.name} is approved.`))
  const classifying = useAction(classify, () => toast.success(`The class of ${tool.name} is changed.`))
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
        value={tool.class}
        disabled={whyNot !== null || classifying.pending}
        onChange={(event) => classifying.run({ serverId, name: tool.name, class: event.target.value as ToolClass })}
        className="h-8 w-36"
      >
        {toolClasses.map((toolClass) => (
          <option key={toolClass}>{toolClass}</option>
        ))}
      </Select>
      {tool.state === 'quarantined' && (
        <ActionButton
          size="sm"
          whyNot={whyNot}
          pending={approving.pending}
          onClick={() => approving.run({ serverId, name: tool.name, definitionHash: tool.definitionHash })}
        >
          <ShieldCheck aria-hidden /> Approve
        </ActionButton>
      )}
    </div>
  )
}
