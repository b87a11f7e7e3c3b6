// The two style sheets the toast library puts into the page by itself, without a nonce: one is empty for a moment. A test compares the
// second with the installed version.
const emptyStyle = "'sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU='"
export const toastStyle = "'sha256-StEaX+se6YS7pqjzrzMIA0KaX9zF/8zAhvQXZAe5epY='"

/**
 * The content security policy of a page. Scripts run only with this request's nonce. Style sheets need it too; `style` attributes are
 * allowed because server-rendered positions and chart geometry are written as such, and they cannot run anything.
 */
export function pagePolicy(options: { nonce: string; development: boolean; secure: boolean }): string {
  const nonce = `'nonce-${options.nonce}'`
  return join({
    'default-src': ["'none'"],
    'script-src': ["'self'", nonce, "'strict-dynamic'", options.development && "'unsafe-eval'"],
    'style-src': ["'self'", nonce],
    'style-src-elem': options.development ? ["'self'", "'unsafe-inline'"] : ["'self'", nonce, emptyStyle, toastStyle],
    'style-src-attr': ["'unsafe-inline'"],
    'img-src': ["'self'", 'data:', 'blob:'],
    'font-src': ["'self'"],
    'connect-src': ["'self'", options.development && 'ws:'],
    'manifest-src': ["'self'"],
    'object-src': ["'none'"],
    'base-uri': ["'none'"],
    'form-action': ["'self'"],
    'frame-ancestors': ["'none'"],
    ...(options.secure ? { 'upgrade-insecure-requests': [] } : {}),
  })
}

/** What an answer that is no page may do when a browser is made to show it: nothing. */
export const apiPolicy = "default-src 'none'; frame-ancestors 'none'; sandbox"

function join(directives: Record<string, readonly (string | false)[]>): string {
  return Object.entries(directives)
    .map(([name, sources]) => [name, ...sources.filter(Boolean)].join(' '))
    .join('; ')
}
