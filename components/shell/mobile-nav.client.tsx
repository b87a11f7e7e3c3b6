'use client'

import { Menu as MenuIcon } from 'lucide-react'
import dynamic from 'next/dynamic'
import { useRef, useState } from 'react'
import { Button } from '#components/ui/button.tsx'

const loadPanel = () => import('./mobile-panel.client.tsx')
const MobilePanel = dynamic(async () => (await loadPanel()).MobilePanel, { ssr: false })

/** The navigation of narrow screens; its panel is fetched when somebody comes near the button. */
export function MobileNav() {
  const button = useRef<HTMLButtonElement>(null)
  const [open, setOpen] = useState(false)
  const [wanted, setWanted] = useState(false)
  return (
    <>
      <Button
        ref={button}
        variant="ghost"
        size="icon"
        aria-label="Open navigation"
        aria-haspopup="dialog"
        aria-expanded={open}
        className="lg:hidden"
        onPointerEnter={() => void loadPanel()}
        onFocus={() => void loadPanel()}
        onClick={() => {
          setWanted(true)
          setOpen(true)
        }}
      >
        <MenuIcon aria-hidden />
      </Button>
      {wanted && <MobilePanel open={open} onOpenChange={setOpen} returnFocusTo={button} />}
    </>
  )
}
