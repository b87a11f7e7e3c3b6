'use client'

import { useEffect } from 'react'
import { Toaster as Sonner, toast } from 'sonner'
import { toastsShownBy } from '#components/ui/toast.client.ts'

/** A screen reader reads what is added to a region that it has already found. */
const foundMs = 100

/** Where toasts are shown. */
export function Toaster() {
  useEffect(() => {
    const timer = setTimeout(() => toastsShownBy(toast), foundMs)
    return () => clearTimeout(timer)
  }, [])
  return (
    <Sonner position="bottom-right" closeButton theme="system" toastOptions={{ classNames: { toast: 'font-sans' } }} />
  )
}
