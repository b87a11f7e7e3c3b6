import { Badge } from '#components/ui/badge.tsx'
import type { WebhookView } from '#lib/webhooks/schema.ts'

/** Whether it is told of events, and whether that works. */
export function WebhookState({ webhook }: { webhook: WebhookView }) {
  if (!webhook.enabled) return <Badge>off</Badge>
  return webhook.failingSince ? <Badge tone="danger">failing</Badge> : <Badge tone="ok">on</Badge>
}
