'use client'

import { type RefObject, useLayoutEffect, useRef, useState } from 'react'

/**
 * Fetches what a trigger opens when the pointer or the focus comes near it, so that the page does not wait for it. What then takes the
 * trigger's place keeps the focus.
 */
export function useNearby<Parts>(load: () => Promise<Parts>): {
  parts: Parts | null
  trigger: RefObject<HTMLElement | null>
  approach: () => void
} {
  const [parts, setParts] = useState<Parts | null>(null)
  const trigger = useRef<HTMLElement>(null)
  const focused = useRef(false)
  const approach = (): void => {
    // Without the network nothing opens; coming near again tries again.
    void load().then(
      (loaded) => {
        focused.current = trigger.current !== null && trigger.current === document.activeElement
        setParts(() => loaded)
      },
      () => {},
    )
  }
  useLayoutEffect(() => {
    if (parts && focused.current) trigger.current?.focus()
  }, [parts])
  return { parts, trigger, approach }
}
