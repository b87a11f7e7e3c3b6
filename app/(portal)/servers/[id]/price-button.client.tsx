'use client'

import { useState } from 'react'
import { ActionButton } from '#components/ui/action-button.client.tsx'
import { Dialog } from '#components/ui/dialog.client.tsx'
import { Field } from '#components/ui/field.tsx'
import { FormFooter } from '#components/ui/form-footer.client.tsx'
import { Input } from '#components/ui/input.tsx'
import { toast } from '#components/ui/toast.client.ts'
import { useAction } from '#components/ui/use-action.client.ts'
import { exactDollars } from '#lib/core/money.ts'
import { parseCallPrice } from '#lib/metrics/rules/call-prices.ts'
import { setPrice } from './price-actions.ts'

type Props = {
  serverId: string
  /** Null: every tool without a price of its own. */
  tool: string | null
  /** Its own price. */
  listUnitPriceMicros: string | null
  /** Of the server that the page shows. */
  revision: string
  whyNot: string | null
}

/** Sets what a call costs. */
export function PriceButton({ serverId, tool, listUnitPriceMicros, revision, whyNot }: Props) {
  const shown = listUnitPriceMicros === null ? '' : exactDollars(BigInt(listUnitPriceMicros))
  const [open, setOpen] = useState(false)
  const [draft, setDraft] = useState(shown)
  const [wrong, setWrong] = useState<string | null>(null)
  const { run, pending, failed, clear } = useAction(setPrice, () => {
    toast.success('Brokers follow within a second.')
    setOpen(false)
  })
  const change = (next: boolean) => {
    setOpen(next)
    setDraft(shown)
    setWrong(null)
    clear()
  }
  const error = wrong ?? failed?.fields['listUnitPriceMicros']?.[0]
  return (
    <>
      <ActionButton size="sm" whyNot={whyNot} onClick={() => change(true)}>
        Change price
      </ActionButton>
      <Dialog
        open={open}
        onOpenChange={change}
        title={tool === null ? 'Price of a call at this server' : `Price of a call of ${tool}`}
        description="Calls that were made before keep the price they had."
      >
        <form
          className="grid gap-4"
          onSubmit={(event) => {
            event.preventDefault()
            const price = draft.trim() === '' ? null : parseCallPrice(draft)
            setWrong(price && !price.ok ? price.error : null)
            if (price && !price.ok) return
            run({ serverId, tool, revision, listUnitPriceMicros: price?.value.toString() ?? null })
          }}
        >
          <Field
            label="Dollars a call"
            hint={
              tool === null
                ? 'Of every tool without a price of its own; empty: nothing.'
                : 'Empty: as its server says. 0: nothing, whatever its server says.'
            }
            {...(error ? { error } : {})}
          >
            <Input inputMode="decimal" value={draft} onChange={(event) => setDraft(event.target.value)} />
          </Field>
          <FormFooter failed={failed} onCancel={() => change(false)} pending={pending}>
            Save price
          </FormFooter>
        </form>
      </Dialog>
    </>
  )
}
