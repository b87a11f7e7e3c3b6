import type { Metadata } from 'next'
import { redirect } from 'next/navigation'
import { Logo } from '#components/shell/logo.tsx'
import { Notice } from '#components/ui/notice.tsx'
import { roleLabel } from '#lib/auth/permissions.ts'
import { personas } from '#lib/auth/personas.ts'
import { signInRefusalText } from '#lib/auth/rules.ts'
import { portal } from '#lib/web/db.ts'
import { ownPath } from '#lib/web/own-path.ts'
import { requestCtx } from '#lib/web/session.ts'
import { PersonaList } from './persona-list.client.tsx'
import { SsoButton } from './sso-button.client.tsx'

export const metadata: Metadata = { title: 'Sign in' }

export default async function SignInPage({
  searchParams,
}: {
  searchParams: Promise<Record<string, string | string[]>>
}) {
  const search = await searchParams
  const next = ownPath(search['next'] ?? search['callbackUrl'])
  const ctx = await requestCtx()
  if (ctx.actor.kind === 'person') redirect(next)
  const { config } = portal()
  const people = personas.map(({ id, name, role, teamId }) => ({ id, name, role: roleLabel(role), team: teamId }))
  return (
    <main className="mx-auto grid min-h-dvh w-full max-w-md content-center gap-5 px-4 py-8">
      <div className="text-lg">
        <Logo />
      </div>
      <div>
        <h1 className="text-xl font-semibold tracking-tight">Sign in</h1>
        <p className="mt-1 text-muted-foreground">
          The platform from which this organization steers its Claude managed agents.
        </p>
      </div>
      {search['error'] && <Notice kind="danger">{signInRefusalText(String(search['error']))}</Notice>}
      {config.oidc && <SsoButton next={next} issuer={new URL(config.oidc.issuer).host} />}
      {config.demo && <PersonaList people={people} next={next} />}
      {!config.demo && !config.oidc && <Notice kind="warn">No way to sign in is set up.</Notice>}
    </main>
  )
}
