import { headers } from 'next/headers'
import { redirect } from 'next/navigation'
import type { Actor, Ctx } from '#lib/auth/ctx.ts'
import { paths } from '#lib/core/paths.ts'
import { requestHeader } from './request-headers.ts'
import { requestCtx } from './session.ts'

export type Person = Extract<Actor, { kind: 'person' }>
export type PageCtx = Ctx & { actor: Person; requestId: string }

/**
 * The context of the signed-in person, for pages: first line of every page. Roles and permissions are read from the database for this
 * request. Somebody who is not signed in is sent to the sign-in page and comes back here.
 */
export async function currentCtx(): Promise<PageCtx> {
  const ctx = await requestCtx()
  if (ctx.actor.kind === 'person') return { ...ctx, actor: ctx.actor }
  const here = (await headers()).get(requestHeader.path) ?? paths.home()
  return redirect(here === paths.home() ? paths.signIn() : `${paths.signIn()}?${new URLSearchParams({ next: here })}`)
}
