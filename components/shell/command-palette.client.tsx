'use client'

import { Search } from 'lucide-react'
import dynamic from 'next/dynamic'
import { useEffect, useRef, useState } from 'react'
import { Button } from '#components/ui/button.tsx'
import { isTyping, singleKeysOn } from './keys.ts'

const loadDialog = () => import('./palette-dialog.client.tsx')
const PaletteDialog = dynamic(async () => (await loadDialog()).PaletteDialog, { ssr: false })
const KeysDialog = dynamic(async () => (await import('./keys-dialog.client.tsx')).KeysDialog, { ssr: false })

/** Go to anything, or stop an agent, from the keyboard (Ctrl K or ⌘ K). What it opens is fetched when somebody comes near. */
export function CommandPalette({ canStop }: { canStop: boolean }) {
  const button = useRef<HTMLButtonElement>(null)
  const [open, setOpen] = useState(false)
  const [wanted, setWanted] = useState(false)
  const [keys, setKeys] = useState<'never' | 'open' | 'closed'>('never')
  const show = (change: (before: boolean) => boolean) => {
    setWanted(true)
    setOpen(change)
  }

  useEffect(() => {
    const onKey = (event: KeyboardEvent) => {
      if (event.key.toLowerCase() === 'k' && (event.metaKey || event.ctrlKey)) {
        event.preventDefault()
        show((before) => !before)
        return
      }
      if (event.metaKey || event.ctrlKey || event.altKey || isTyping(event.target) || !singleKeysOn()) return
      if (document.querySelector('[role=dialog]')) return
      if (event.key === '?') {
        event.preventDefault()
        setKeys('open')
      } else if (event.key === '/') {
        event.preventDefault()
        const field = document.querySelector<HTMLElement>('main [role=search] input, main input[type=search]')
        if (field) field.focus()
        else show(() => true)
      }
    }
    window.addEventListener('keydown', onKey)
    return () => window.removeEventListener('keydown', onKey)
  }, [])

  return (
    <>
      <Button
        ref={button}
        aria-haspopup="dialog"
        aria-expanded={open}
        onClick={() => show(() => true)}
        onPointerEnter={() => void loadDialog()}
        onFocus={() => void loadDialog()}
        className="text-muted-foreground max-sm:size-9 max-sm:px-0 sm:w-56 sm:justify-start"
      >
        <Search aria-hidden />
        <span className="max-sm:sr-only">Search…</span>
        <kbd className="ml-auto font-sans text-xs max-sm:hidden">Ctrl K</kbd>
      </Button>
      {keys !== 'never' && (
        <KeysDialog open={keys === 'open'} onOpenChange={(next) => setKeys(next ? 'open' : 'closed')} />
      )}
      {wanted && <PaletteDialog open={open} onOpenChange={setOpen} canStop={canStop} returnFocusTo={button} />}
    </>
  )
}
