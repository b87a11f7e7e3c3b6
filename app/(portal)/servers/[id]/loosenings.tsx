import { plural } from '#components/ui/count.ts'
import { ConfirmButton } from '#components/ui/confirm-button.client.tsx'
import { Notice } from '#components/ui/notice.tsx'
import { Time } from '#components/ui/time.client.tsx'
import { countingText, isSetting, looseningText, type LooseningView } from '#lib/registry/schema/loosenings.ts'
import { confirmLoosening, withdrawLoosening } from './actions.ts'

/** What would loosen controls and waits for a second person, who confirms it here. */
export function Loosenings({
  loosenings,
  personId,
  whyNot,
}: {
  loosenings: readonly LooseningView[]
  personId: string
  whyNot: string | null
}) {
  if (loosenings.length === 0) return null
  return (
    <Notice
      kind="warn"
      className="mb-5"
      title={`${plural(loosenings.length, 'proposal')} to loosen controls ${loosenings.length === 1 ? 'waits' : 'wait'} for a second person`}
    >
      <ul className="space-y-3">
        {loosenings.map((one) => (
          <li key={one.id} className="flex flex-wrap items-center justify-between gap-2">
            <span className="min-w-0 break-words">
              <span className="font-medium">{capital(looseningText(one))}</span>
              {one.reason && `: ${one.reason}`}
              <span className="block text-[13px] text-muted-foreground">
                {one.proposedBy.name}, <Time value={one.proposedAt} />. Meanwhile {countingText(one)}; the proposal
                lapses <Time value={one.until} />.
              </span>
            </span>
            <span className="flex gap-2">
              <ConfirmButton
                label="Confirm"
                object={looseningText(one)}
                title={`Let count: ${looseningText(one)}`}
                description={
                  isSetting(one.what)
                    ? 'It guards less from then on; brokers and sandboxes follow within a second.'
                    : 'Approval rules, hold rules and policies choose by it from then on; brokers follow within a second.'
                }
                confirm="Let it count"
                action={confirmLoosening}
                input={{ looseningId: one.id }}
                whyNot={
                  whyNot ?? (one.proposedBy.id === personId ? 'You proposed it, so somebody else confirms it.' : null)
                }
                said="It counts now."
              />
              <ConfirmButton
                label="Withdraw"
                object={looseningText(one)}
                title={`Withdraw: ${looseningText(one)}`}
                description="What counts goes on counting."
                confirm="Withdraw"
                action={withdrawLoosening}
                input={{ looseningId: one.id }}
                whyNot={whyNot}
                said="It is withdrawn."
              />
            </span>
          </li>
        ))}
      </ul>
    </Notice>
  )
}

function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1)
}
