'use client'

import { QueryClient, QueryClientProvider } from '@tanstack/react-query'
import { ThemeProvider } from 'next-themes'
import dynamic from 'next/dynamic'
import { type ReactNode, useEffect, useState } from 'react'
import { toastWanted } from '#components/ui/toast.client.ts'

const Toaster = dynamic(async () => (await import('./toaster.client.tsx')).Toaster, { ssr: false })

/** What every page stands on in the browser. The nonce goes to the libraries that add a script or a style sheet of their own. */
export function Providers({ nonce, children }: { nonce: string; children: ReactNode }) {
  // The scroll lock of dialogs reads its nonce from this name. The policy is the document's: later answers bring other nonces, which it
  // does not know.
  if (typeof window !== 'undefined' && !('__webpack_nonce__' in window)) {
    Object.assign(window, { __webpack_nonce__: nonce })
  }
  const [toasts, setToasts] = useState(false)
  useEffect(() => void toastWanted.then(() => setToasts(true)), [])
  const [queries] = useState(() => new QueryClient({ defaultOptions: { queries: { retry: 1, staleTime: 2000 } } }))
  return (
    <ThemeProvider attribute="class" defaultTheme="system" enableSystem disableTransitionOnChange nonce={nonce}>
      <QueryClientProvider client={queries}>{children}</QueryClientProvider>
      {toasts && <Toaster />}
    </ThemeProvider>
  )
}
