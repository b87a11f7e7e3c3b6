import { JsonBlock } from './json-block.tsx'

/** What the agent answers to what a call asked it for: an approval is for these, too. */
export function HeldAnswers({ answers, call }: { answers: Record<string, unknown>; call: string }) {
  return (
    <div className="space-y-1">
      <p className="text-[13px] text-muted-foreground">
        The call asked the agent for input; it goes on with these answers:
      </p>
      <JsonBlock value={answers} label={`Answers of the agent to ${call}`} />
    </div>
  )
}
