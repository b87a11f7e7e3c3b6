'use client'

import { useRouter } from 'next/navigation'
import { useState } from 'react'
import { Dialog } from '#components/ui/dialog.client.tsx'
import { Field } from '#components/ui/field.tsx'
import { FormFooter } from '#components/ui/form-footer.client.tsx'
import { Checkbox, Input } from '#components/ui/input.tsx'
import { useAction } from '#components/ui/use-action.client.ts'
import { paths } from '#lib/core/paths.ts'
import type { ViewState } from '#lib/registry/schema/views.ts'
import { save } from './actions.ts'

/** Saves what the catalog shows now under a name. */
export function SaveViewDialog({
  state,
  whyNotShare,
  onClose,
}: {
  state: ViewState
  whyNotShare: string | null
  onClose: () => void
}) {
  const [name, setName] = useState('')
  const [shared, setShared] = useState(false)
  const router = useRouter()
  const { run, pending, failed } = useAction(save, ({ id }) => {
    onClose()
    router.push(`${paths.agents()}?view=${id}`)
  })
  return (
    <Dialog
      open
      onOpenChange={onClose}
      title="Save as a new view"
      description="Search, order, columns and density, under a name."
    >
      <form
        className="space-y-4"
        onSubmit={(event) => {
          event.preventDefault()
          run({ name: name.trim(), shared, state })
        }}
      >
        <Field label="Name" required error={failed?.fields['name']?.[0]}>
          <Input value={name} maxLength={60} onChange={(event) => setName(event.target.value)} />
        </Field>
        <div className="text-sm">
          <label className="flex items-center gap-2">
            <Checkbox
              checked={shared}
              disabled={whyNotShare !== null}
              onChange={(event) => setShared(event.target.checked)}
            />
            Share it with everybody
          </label>
          {whyNotShare !== null && <p className="mt-1 text-muted-foreground">{whyNotShare}</p>}
        </div>
        <FormFooter failed={failed} always={!failed?.fields['name']} onCancel={onClose} pending={pending}>
          Save view
        </FormFooter>
      </form>
    </Dialog>
  )
}
