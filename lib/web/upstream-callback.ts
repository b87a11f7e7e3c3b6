import { DomainError } from '#lib/core/errors.ts'
import { newRequestId } from '#lib/core/ids.ts'
import { paths } from '#lib/core/paths.ts'
import { completeAuthorization, UpstreamAuthProblem } from '#lib/upstreams/commands.ts'
import { authorizationAnswer } from '#lib/upstreams/schema.ts'
import { portal } from './db.ts'
import { browserSession } from './session.ts'
import { portalClient } from './upstream-client.ts'

/**
 * A browser comes back from an authorization server. It comes from another site, so it is not the session alone that allows this, but the
 * state that was begun in it. Whatever happens, the browser is sent on to a page and nothing of the answer stays in its address.
 */
export async function upstreamCallback(request: Request): Promise<Response> {
  const { db, config, log, keyring: secretBox } = portal()
  const { sessionId, actor } = await browserSession()
  const answer = authorizationAnswer.safeParse(Object.fromEntries(new URL(request.url).searchParams))
  const to = (path: string) =>
    new Response(null, { status: 303, headers: { location: config.url + path, 'cache-control': 'no-store' } })
  if (sessionId === null) return to(paths.signIn())
  if (!answer.success) return to(`${paths.servers()}?authorized=failed`)
  const ctx = { db, actor, now: new Date(), requestId: newRequestId() }
  try {
    const { serverId } = await completeAuthorization(ctx, {
      answer: answer.data,
      secretBox,
      portal: portalClient(),
      sessionId,
    })
    return to(paths.server(serverId, 'done'))
  } catch (error) {
    const serverId = error instanceof UpstreamAuthProblem ? error.serverId : null
    if (!(error instanceof DomainError)) log.error({ err: error }, 'an authorization could not be completed')
    return to(serverId === null ? `${paths.servers()}?authorized=failed` : paths.server(serverId, 'failed'))
  }
}
