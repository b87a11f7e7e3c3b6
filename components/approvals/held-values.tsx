import type { HeldCallView } from '#lib/guardrails/schema/held-calls.ts'
import { HeldAnswers } from './held-answers.tsx'
import { JsonBlock, JsonDiff } from './json-block.tsx'

/** What a call is made with, to the letter, or for those who do not see that what there is by name. */
export function HeldValues({ held, call }: { held: HeldCallView; call: string }) {
  if (held.withheld) {
    const { argumentNames, inputResponseNames, message } = held.withheld
    return (
      <div className="space-y-1 text-[13px]">
        <Names label="Arguments" names={argumentNames} />
        {inputResponseNames && <Names label="Answers of the agent" names={inputResponseNames} />}
        <p className="text-muted-foreground">{message}</p>
      </div>
    )
  }
  return (
    <>
      {held.editedArguments ? (
        <JsonDiff before={held.arguments} after={held.editedArguments} />
      ) : (
        <JsonBlock value={held.arguments} label={`Arguments of ${call}`} />
      )}
      {held.inputResponses && <HeldAnswers answers={held.inputResponses} call={call} />}
    </>
  )
}

function Names({ label, names }: { label: string; names: readonly string[] }) {
  return (
    <p>
      {label}: <span className="font-mono break-all">{names.join(', ') || 'none'}</span>
    </p>
  )
}
