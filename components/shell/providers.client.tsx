'use client'

import { QueryClient, QueryClientProvider } from '@tanstack/react-query'
import { ThemeProvider } from 'next-themes'
import { type ReactNode, useState } from 'react'
import { Toaster } from 'sonner'
import { TooltipProvider } from '#components/ui/tooltip.client.tsx'

/** What every page stands on in the browser. The nonce goes to the libraries that add a script or a style sheet of their own. */
export function Providers({ nonce, children }: { nonce: string; children: ReactNode }) {
  // The scroll lock of dialogs reads its nonce from this name. The policy is the document's: later answers bring other nonces, which it
  // does not know.
  if (typeof window !== 'undefined' && !('__webpack_nonce__' in window)) {
    Object.assign(window, { __webpack_nonce__: nonce })
  }
  const [queries] = useState(() => new QueryClient({ defaultOptions: { queries: { retry: 1, staleTime: 2000 } } }))
  return (
    <ThemeProvider attribute="class" defaultTheme="system" enableSystem disableTransitionOnChange nonce={nonce}>
      <QueryClientProvider client={queries}>
        <TooltipProvider delayDuration={250}>{children}</TooltipProvider>
      </QueryClientProvider>
      <Toaster
        position="bottom-right"
        closeButton
        theme="system"
        toastOptions={{ classNames: { toast: 'font-sans' } }}
      />
    </ThemeProvider>
  )
}
