import { CircleAlert, CircleCheck, Info, OctagonX } from 'lucide-react'
import { Card } from '#components/ui/card.tsx'
import type { ScopeRequestView } from '#lib/scopes/schema.ts'
import type { Signal, SignalTopic } from '#lib/scopes/schema/context.ts'

const icons = {
  danger: { icon: OctagonX, className: 'text-danger', says: 'Stop' },
  warn: { icon: CircleAlert, className: 'text-warn', says: 'Look at' },
  neutral: { icon: Info, className: 'text-muted-foreground', says: 'Note' },
  ok: { icon: CircleCheck, className: 'text-ok', says: 'Speaks for it' },
} as const satisfies Record<Signal['tone'], unknown>

/** Where the page shows what a sentence is about. */
const places: Partial<Record<SignalTopic, string>> = {
  peers: 'peers',
  denials: 'before',
  earlier: 'before',
  unused: 'held',
  prompt: 'prompt',
  review: 'agent',
  escalations: 'agent',
  cost: 'agent',
}

/** What speaks for and against it, the most urgent first. */
export function SignalsCard({ request }: { request: ScopeRequestView }) {
  const { signals } = request.context
  return (
    <Card title="Look at this first">
      {signals.length === 0 ? (
        <p className="text-sm text-muted-foreground">Nothing stands out, for it or against it.</p>
      ) : (
        <ul className="grid grid-cols-1 gap-2 text-sm">
          {signals.map((signal) => {
            const { icon: Icon, className, says } = icons[signal.tone]
            const place = places[signal.about]
            return (
              <li key={signal.text} className="flex items-start gap-2">
                <Icon aria-label={says} className={`mt-0.5 size-4 shrink-0 ${className}`} />
                <span className="min-w-0 break-words">
                  {place ? (
                    <a href={`#${place}`} className="underline decoration-dotted underline-offset-2">
                      {signal.text}
                    </a>
                  ) : (
                    signal.text
                  )}
                </span>
              </li>
            )
          })}
        </ul>
      )}
    </Card>
  )
}
