/** Headers the proxy adds to a request before any page or route sees it; it overwrites what a client may have sent under these names. */
export const requestHeader = {
  id: 'x-request-id',
  nonce: 'x-nonce',
  path: 'x-wheelhouse-path',
} as const

/** A HEAD is the GET without its body. */
export function isRead({ method }: Request): boolean {
  return method === 'GET' || method === 'HEAD'
}
