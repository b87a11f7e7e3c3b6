'use client'

import { useEffect, useRef } from 'react'

/** Whether what asks is gone from the page: nobody waits for an answer any more. */
export function useIsLeft(): () => boolean {
  const left = useRef(false)
  useEffect(() => {
    left.current = false
    return () => {
      left.current = true
    }
  }, [])
  return () => left.current
}
