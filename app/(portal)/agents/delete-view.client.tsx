'use client'

import { Button } from '#components/ui/button.tsx'
import { Dialog } from '#components/ui/dialog.client.tsx'
import { Notice } from '#components/ui/notice.tsx'
import { useAction } from '#components/ui/use-action.client.ts'
import { type Role, roleLabel } from '#lib/auth/permissions.ts'
import type { CatalogViewRow } from '#lib/registry/schema/views.ts'
import { remove } from './actions.ts'

/** Asks once more before a view is deleted, and says whose it is no more. */
export function DeleteViewDialog({
  view,
  onClose,
  onDeleted,
}: {
  view: CatalogViewRow
  onClose: () => void
  onDeleted: () => void
}) {
  const { run, pending, failed } = useAction(remove, () => {
    onClose()
    onDeleted()
  })
  return (
    <Dialog
      open
      onOpenChange={onClose}
      title={`Delete “${view.name}”`}
      description={whatIsLost(view)}
      footer={
        <>
          <Button onClick={onClose}>Cancel</Button>
          <Button variant="danger" pending={pending} onClick={() => run({ id: view.id })}>
            Delete view
          </Button>
        </>
      }
    >
      {failed && (
        <Notice kind="danger" requestId={failed.requestId}>
          {failed.message}
        </Notice>
      )}
    </Dialog>
  )
}

function whatIsLost({ shared, defaultFor }: CatalogViewRow): string {
  if (!shared) return 'It is deleted for good. No agent is changed.'
  const begin = defaultFor.map((role) => roleLabel(role as Role)).join(', ')
  return `It is shared: nobody sees it any more, and it is deleted for good.${begin === '' ? '' : ` Those who begin with it (${begin}) begin with all agents.`} No agent is changed.`
}
