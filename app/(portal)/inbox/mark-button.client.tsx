'use client'

import { useQueryClient } from '@tanstack/react-query'
import { Mail, MailOpen } from 'lucide-react'
import { Button } from '#components/ui/button.tsx'
import { toast } from '#components/ui/toast.client.ts'
import { useAction } from '#components/ui/use-action.client.ts'
import { mark } from './actions.ts'

export function MarkButton({ id, read, title }: { id: string; read: boolean; title: string }) {
  const queries = useQueryClient()
  const { run, pending, failed } = useAction(mark, () => void queries.invalidateQueries({ queryKey: ['inbox'] }))
  if (failed) toast.error(failed.message)
  const label = read ? 'Mark unread' : 'Mark read'
  return (
    <Button
      size="sm"
      variant="ghost"
      pending={pending}
      aria-label={`${label}: ${title}`}
      title={label}
      onClick={() => run({ notificationId: id, read: !read })}
    >
      {!pending && (read ? <Mail aria-hidden /> : <MailOpen aria-hidden />)}
    </Button>
  )
}
