import { type NextRequest, NextResponse } from 'next/server'
import { methodsAt } from '#lib/api/allowed-methods.ts'
import { newRequestId } from '#lib/core/ids.ts'
import { apiPolicy, pagePolicy } from '#lib/web/csp.ts'
import { methodRefusal } from '#lib/web/method-refusal.ts'
import { requestHeader } from '#lib/web/request-headers.ts'

/** Gives every request an id, a nonce and the headers that guard its answer. It decides nothing: pages, actions and routes do. */
export function proxy(request: NextRequest): NextResponse {
  const requestId = newRequestId()
  const nonce = btoa(String.fromCharCode(...crypto.getRandomValues(new Uint8Array(18))))
  const secure = isSecure(request)
  const isApi = /^\/(?:api|\.well-known)\//.test(request.nextUrl.pathname)
  const policy = isApi ? apiPolicy : pagePolicy({ nonce, secure, development: process.env.NODE_ENV === 'development' })

  const { pathname: path } = request.nextUrl
  const methods = path.startsWith('/api/v1/') ? methodsAt(path) : null
  const refusal =
    methods && !methods.includes(request.method)
      ? methodRefusal({ method: request.method, path, requestId }, methods)
      : null
  const headers = new Headers(request.headers)
  headers.set(requestHeader.id, requestId)
  headers.set(requestHeader.path, request.nextUrl.pathname + request.nextUrl.search)
  if (!isApi) {
    headers.set(requestHeader.nonce, nonce)
    // Next reads the nonce for its own scripts from here.
    headers.set('content-security-policy', policy)
  }
  const response = refusal ? new NextResponse(refusal.body, refusal) : NextResponse.next({ request: { headers } })
  response.headers.set('content-security-policy', policy)
  response.headers.set(requestHeader.id, requestId)
  if (secure) response.headers.set('strict-transport-security', 'max-age=31536000; includeSubDomains')
  return response
}

export const config = { matcher: ['/((?!_next/static|_next/image|favicon.ico|icon.svg).*)'] }

/** Whether people reach the portal over https: TLS ends in front of it, so its public address says so. */
function isSecure(request: NextRequest): boolean {
  return (process.env['WHEELHOUSE_URL'] ?? request.nextUrl.origin).startsWith('https://')
}
