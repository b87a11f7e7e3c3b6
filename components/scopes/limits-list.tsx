import { type ArgumentCondition, type CallRate, limitTexts } from '#lib/registry/schema/conditions.ts'

/** What narrows a scope, in plain words; nothing when nothing does. */
export function LimitsList({ conditions, rate }: { conditions: readonly ArgumentCondition[]; rate: CallRate | null }) {
  const texts = limitTexts({ conditions, rate })
  if (texts.length === 0) return null
  return (
    <ul aria-label="Only when" className="mt-1 max-w-md space-y-0.5 text-[13px] break-words text-muted-foreground">
      {texts.map((text) => (
        <li key={text}>{text}</li>
      ))}
    </ul>
  )
}
