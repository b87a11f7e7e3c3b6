'use client'

import { LogIn } from 'lucide-react'
import { signIn } from 'next-auth/react'
import { useState } from 'react'
import { Button } from '#components/ui/button.tsx'

export function SsoButton({ next, issuer }: { next: string; issuer: string }) {
  const [pending, setPending] = useState(false)
  const go = async () => {
    setPending(true)
    await signIn('oidc', { callbackUrl: next })
  }
  return (
    <Button variant="primary" size="lg" pending={pending} onClick={() => void go()}>
      <LogIn aria-hidden /> Continue with {issuer}
    </Button>
  )
}
