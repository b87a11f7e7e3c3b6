import { queryOptions } from '@tanstack/react-query'
import { getJson } from '#components/shell/get-json.ts'
import type { InboxPage } from '#lib/notifications/schema.ts'

/** The newest notifications, and how many are unread. */
export function inboxQuery() {
  return queryOptions({
    queryKey: ['inbox', 'newest'],
    queryFn: ({ signal }) => getJson<InboxPage>('/api/portal/inbox', signal),
    refetchInterval: 5000,
  })
}
