'use client'

import { ShieldCheck, ShieldX } from 'lucide-react'
import { useState } from 'react'
import { ActionButton } from '#components/ui/action-button.client.tsx'
import { Select } from '#components/ui/input.tsx'
import { ReasonButton } from '#components/ui/reason-button.client.tsx'
import { useAction } from '#components/ui/use-action.client.ts'
import { toast } from '#components/ui/toast.client.ts'
import { isLower } from '#lib/registry/rules.ts'
import { type ToolClass, toolClasses, type ToolState } from '#lib/registry/schema.ts'
import { approve, classify, reject } from './actions.ts'

type Tool = {
  name: string
  class: ToolClass
  classSource: string
  declaredClass: ToolClass
  state: ToolState
  definitionHash: string
  approvedHash: string | null
  verdict: string
  rejected: boolean
}
type Props = { serverId: string; tool: Tool; whyNot: string | null }

/** Decides about exactly the definition that was read, by its hash, and says which class the tool is. */
export function ToolControls({ serverId, tool, whyNot }: Props) {
  if (tool.state === 'removed') return null
  const lookedAt = { serverId, name: tool.name, definitionHash: tool.definitionHash }
  const isShown = tool.state === 'approved' && (tool.approvedHash ?? tool.definitionHash) === tool.definitionHash
  return (
    <div className="flex flex-wrap items-center gap-2">
      {!isShown && <Approve serverId={serverId} tool={tool} whyNot={whyNot} />}
      {!tool.rejected && (
        <ReasonButton
          label={isShown ? 'Withdraw approval' : 'Reject'}
          icon={<ShieldX aria-hidden />}
          title={isShown ? `Withdraw the approval of ${tool.name}` : `Reject ${tool.name}`}
          description="No agent sees or calls it until its server lists another definition, or somebody approves this one."
          confirm={isShown ? 'Withdraw' : 'Reject'}
          action={reject}
          input={lookedAt}
          whyNot={whyNot}
          size="sm"
          said={isShown ? `The approval of ${tool.name} is withdrawn.` : `${tool.name} is rejected.`}
        />
      )}
      <Classify key={tool.class} serverId={serverId} tool={tool} whyNot={whyNot} />
      {tool.classSource === 'platform' && (
        <ReasonButton
          label={`Back to ${tool.declaredClass}`}
          title={`Let count what its server declares of ${tool.name}`}
          description={`It is ${tool.declaredClass} ${
            isLower(tool.declaredClass, tool.class) ? 'once somebody else has confirmed it' : 'then'
          }, and what its server declares later counts, too, once it is approved.`}
          confirm={isLower(tool.declaredClass, tool.class) ? 'Propose it' : 'Let it count'}
          action={classify}
          input={{ serverId, name: tool.name, class: null }}
          whyNot={whyNot}
          size="sm"
          said={({ waits }) => (waits ? proposed(tool) : `The class of ${tool.name} is what its server declares.`)}
        />
      )}
    </div>
  )
}

function proposed({ class: now }: Tool): string {
  return `Its lower class is proposed: until somebody else confirms it, it is ${now}.`
}

/** A suspended tool is approved with a reason, a new one at once. */
function Approve({ serverId, tool, whyNot }: Props) {
  const said = ({ waits }: { waits: string[] }) =>
    waits.length > 0 ? `${tool.name} is approved. ${proposed(tool)}` : `${tool.name} is approved.`
  const approving = useAction(approve, (value) => toast.success(said(value)))
  const input = { serverId, tools: [{ name: tool.name, definitionHash: tool.definitionHash }] }
  const label = tool.state === 'approved' ? 'Show agents this one' : 'Approve'
  if (tool.verdict === 'suspended') {
    return (
      <ReasonButton
        label={label}
        icon={<ShieldCheck aria-hidden />}
        title={`Approve the changed ${tool.name}`}
        description="Agents with a grant that covers it see and call exactly this definition from then on."
        confirm="Approve"
        action={approve}
        input={input}
        whyNot={whyNot}
        variant="primary"
        size="sm"
        said={said}
      />
    )
  }
  return (
    <>
      <ActionButton size="sm" whyNot={whyNot} pending={approving.pending} onClick={() => approving.run(input)}>
        <ShieldCheck aria-hidden /> {label}
      </ActionButton>
      {approving.failed && (
        <span role="alert" className="text-[13px] text-danger">
          {approving.failed.message}
        </span>
      )}
    </>
  )
}

/** A lower class is only proposed: it counts from when somebody else has confirmed it. */
function Classify({ serverId, tool, whyNot }: Props) {
  const [chosen, setChosen] = useState(tool.class)
  const lower = isLower(chosen, tool.class)
  const label = lower ? `Propose ${chosen}` : `Change to ${chosen}`
  return (
    <>
      <label className="flex items-center gap-2 text-[13px] text-muted-foreground">
        Class
        <Select
          aria-label={`Class of ${tool.name}`}
          title={whyNot ?? undefined}
          value={chosen}
          disabled={whyNot !== null}
          onChange={(event) => setChosen(event.target.value as ToolClass)}
          className="h-8 w-36"
        >
          {toolClasses.map((toolClass) => (
            <option key={toolClass}>{toolClass}</option>
          ))}
        </Select>
      </label>
      {chosen !== tool.class && (
        <ReasonButton
          label={label}
          title={
            lower ? `Propose ${chosen} as the class of ${tool.name}` : `Change the class of ${tool.name} to ${chosen}`
          }
          description={`Every agent with ${chosen} on this server may call it ${
            lower ? 'once somebody else has confirmed it' : 'from then on'
          }, whatever its server says of it.${
            isLower(chosen, tool.declaredClass)
              ? ` Its server declares ${tool.declaredClass}: the page flags that it is classed lower.`
              : ''
          }`}
          confirm={label}
          action={classify}
          input={{ serverId, name: tool.name, class: chosen }}
          whyNot={whyNot}
          variant="danger"
          size="sm"
          said={({ waits }) => (waits ? proposed(tool) : `The class of ${tool.name} is changed to ${chosen}.`)}
        />
      )}
    </>
  )
}
