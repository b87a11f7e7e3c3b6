import { Check } from 'lucide-react'
import type { Metadata } from 'next'
import { Logo } from '#components/shell/logo.tsx'
import { Button } from '#components/ui/button.tsx'
import { Card } from '#components/ui/card.tsx'
import { Notice } from '#components/ui/notice.tsx'
import { type AuthorizationRefusal, reviewAuthorization } from '#lib/auth/commands/app-consent.ts'
import { takeFromRateLimit } from '#lib/auth/commands/rate-limit.ts'
import type { AuthorizationReview } from '#lib/auth/schema.ts'
import { appServer } from '#lib/web/app-server.ts'
import { currentCtx } from '#lib/web/ctx.ts'
import { Decision } from './decision.client.tsx'

export const metadata: Metadata = { title: 'Allow an app', robots: { index: false }, referrer: 'no-referrer' }

export default async function AuthorizePage({
  searchParams,
}: {
  searchParams: Promise<Record<string, string | string[]>>
}) {
  const ctx = await currentCtx()
  await takeFromRateLimit(ctx.db, { key: `app-review:${ctx.actor.id}`, limit: 60, windowMs: 10 * 60_000 })
  const params = await searchParams
  const review = await reviewAuthorization(ctx, { server: appServer(), params })
  return (
    <main className="mx-auto grid min-h-dvh w-full max-w-lg content-center gap-5 px-4 py-8">
      <div className="text-lg">
        <Logo />
      </div>
      {review.ok ? (
        <Question review={review.value} params={params} who={`${ctx.actor.name} (${ctx.actor.email})`} />
      ) : (
        <Refused refusal={review.error} />
      )}
    </main>
  )
}

function Question({
  review: { client, redirectHost, scopes },
  params,
  who,
}: {
  review: AuthorizationReview
  params: Record<string, string | string[]>
  who: string
}) {
  const single = Object.fromEntries(Object.entries(params).map(([name, value]) => [name, String(value)]))
  return (
    <>
      <div>
        <h1 className="text-xl font-semibold tracking-tight break-words">Let {client.name} read the registry?</h1>
        <p className="mt-1 text-muted-foreground">
          It asks as you, {who}, and sees at most what you may see. It can change nothing.
        </p>
      </div>
      {client.host === null ? (
        <Notice kind="warn" title="Nobody vouches for this name">
          The app registered itself. Go on only if you have just asked it to connect.
        </Notice>
      ) : (
        <Notice title={`It is described by ${client.host}`}>Go on only if you know that site.</Notice>
      )}
      <Card title="It may read">
        <ul className="grid gap-2">
          {scopes.map(({ permission, says }) => (
            <li key={permission} className="flex gap-2">
              <Check aria-hidden className="mt-0.5 size-4 shrink-0 text-ok" />
              <span>
                {says} <code className="text-xs text-muted-foreground">{permission}</code>
              </span>
            </li>
          ))}
        </ul>
        <p className="mt-3 text-[13px] text-muted-foreground">
          {redirectHost === null
            ? 'The answer goes to a program on your own machine.'
            : `The answer goes to ${redirectHost}.`}{' '}
          It works for 180 days; you can end it before under Settings, Connected apps.
        </p>
      </Card>
      <Decision name={client.name} params={single} />
    </>
  )
}

function Refused({ refusal: { message, rule, backTo } }: { refusal: AuthorizationRefusal }) {
  return (
    <>
      <h1 className="text-xl font-semibold tracking-tight">This app cannot be connected</h1>
      <Notice kind="danger" title={message}>
        <code className="text-xs">{rule}</code>
      </Notice>
      {backTo !== null && (
        <div>
          <Button asChild>
            <a href={backTo} rel="noreferrer">
              Go back to the app
            </a>
          </Button>
        </div>
      )}
    </>
  )
}
