'use client'

import { RotateCw } from 'lucide-react'
import { useRouter } from 'next/navigation'
import { useTransition } from 'react'
import { Button } from '#components/ui/button.tsx'
import { CopyButton } from '#components/ui/copy-button.client.tsx'

/**
 * A page that could not be shown. The reference is in the log beside the request's id and the whole error; the words of the error itself
 * stay there.
 */
export function PageFailure({ error, reset }: { error: Error & { digest?: string }; reset: () => void }) {
  const router = useRouter()
  const [pending, start] = useTransition()
  const retry = () =>
    start(() => {
      router.refresh()
      reset()
    })
  return (
    <div className="mx-auto grid max-w-lg justify-items-start gap-3 px-4 py-16" role="alert">
      <h1 className="text-xl font-semibold">This page could not be shown</h1>
      <p className="text-muted-foreground">
        Something went wrong on our side and was written down. Nothing you did is lost; trying again may help.
      </p>
      {error.digest && (
        <p className="flex items-center gap-1 text-[13px]">
          Reference <code>{error.digest}</code> <CopyButton text={error.digest} what="reference" />
        </p>
      )}
      <Button variant="primary" onClick={retry} pending={pending}>
        <RotateCw aria-hidden /> Try again
      </Button>
    </div>
  )
}
