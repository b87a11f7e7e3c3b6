'use client'

import { Bookmark, ChevronDown } from 'lucide-react'
import dynamic from 'next/dynamic'
import Link from 'next/link'
import { useRouter } from 'next/navigation'
import { useState } from 'react'
import { Button } from '#components/ui/button.tsx'
import { Menu, MenuItem, MenuLabel, MenuSeparator } from '#components/ui/menu.client.tsx'
import { useAction } from '#components/ui/use-action.client.ts'
import { toast } from '#components/ui/toast.client.ts'
import { type Role, roleLabel, roles } from '#lib/auth/permissions.ts'
import { paths } from '#lib/core/paths.ts'
import type { CatalogViewRow, ViewState } from '#lib/registry/schema/views.ts'
import { save, setDefault } from './actions.ts'

const DeleteViewDialog = dynamic(async () => (await import('./delete-view.client.tsx')).DeleteViewDialog, {
  ssr: false,
})
const SaveViewDialog = dynamic(async () => (await import('./save-view.client.tsx')).SaveViewDialog, { ssr: false })

type Props = {
  views: readonly CatalogViewRow[]
  view: CatalogViewRow | null
  /** What is shown differs from the view. */
  dirty: boolean
  state: ViewState
  whyNot: { save: string | null; share: string | null; setDefault: string | null }
}

/** Saved views: choosing, saving, reverting, deleting, and which one a role begins with. */
export function ViewsMenu({ views, view, dirty, state, whyNot }: Props) {
  const [saving, setSaving] = useState(false)
  const [deleting, setDeleting] = useState<CatalogViewRow | null>(null)
  const router = useRouter()
  const told = (text: string) => () => {
    toast.success(text)
    router.refresh()
  }
  const saveOver = useAction(save, told('View saved.'))
  const begin = useAction(setDefault, told('What people begin with is changed.'))
  const failed = saveOver.failed ?? begin.failed
  return (
    <>
      {view && dirty && (
        <>
          <Button asChild>
            <Link href={`${paths.agents()}?view=${view.id}`} prefetch={false}>
              Revert
            </Link>
          </Button>
          {view.own && (
            <Button
              pending={saveOver.pending}
              onClick={() =>
                saveOver.run({ id: view.id, name: view.name, shared: view.shared, state, savedAt: view.savedAt })
              }
            >
              Save
            </Button>
          )}
        </>
      )}
      <Menu
        trigger={
          <Button>
            <Bookmark aria-hidden />
            {view ? (
              <span className="max-w-52 truncate" title={view.name}>
                <span className="sr-only">View </span>
                {view.name}
              </span>
            ) : (
              'Views'
            )}
            {view && dirty && (
              <span className="size-2 rounded-full bg-warn" role="img" aria-label="Changed and not saved" />
            )}
            <ChevronDown aria-hidden />
          </Button>
        }
      >
        <MenuLabel>Views</MenuLabel>
        <MenuItem asChild>
          <Link href={`${paths.agents()}?q=`} prefetch={false}>
            All agents
          </Link>
        </MenuItem>
        {views.map((each) => (
          <MenuItem key={each.id} asChild>
            <Link
              href={`${paths.agents()}?view=${each.id}`}
              prefetch={false}
              aria-current={each.id === view?.id ? 'true' : undefined}
            >
              <span className="grow">{each.name}</span>
              <span className="text-xs text-muted-foreground">
                {each.shared ? `shared by ${each.own ? 'you' : each.owner.name}` : ''}
              </span>
            </Link>
          </MenuItem>
        ))}
        <MenuSeparator />
        <MenuItem disabled={whyNot.save !== null} onSelect={() => setSaving(true)}>
          <span>
            Save as a new view…
            {whyNot.save && <span className="block text-xs">{whyNot.save}</span>}
          </span>
        </MenuItem>
        {view?.own && <MenuItem onSelect={() => setDeleting(view)}>Delete “{view.name}”…</MenuItem>}
        {view?.shared && whyNot.setDefault === null && (
          <>
            <MenuSeparator />
            <MenuLabel>Roles that begin with “{view.name}”</MenuLabel>
            {roles.map((role: Role) => {
              const on = view.defaultFor.includes(role)
              return (
                <MenuItem key={role} onSelect={() => begin.run({ role, viewId: on ? null : view.id })}>
                  {on ? '✓ ' : ''}
                  {roleLabel(role)}
                </MenuItem>
              )
            })}
          </>
        )}
      </Menu>
      {failed && (
        <p role="alert" className="text-sm text-danger">
          {failed.message}
        </p>
      )}
      {deleting && (
        <DeleteViewDialog
          view={deleting}
          onClose={() => setDeleting(null)}
          onDeleted={() => {
            toast.success('View deleted.')
            router.push(`${paths.agents()}?q=`)
          }}
        />
      )}
      {saving && <SaveViewDialog state={state} whyNotShare={whyNot.share} onClose={() => setSaving(false)} />}
    </>
  )
}
