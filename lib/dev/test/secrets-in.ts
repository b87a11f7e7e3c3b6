const parts = [
  'access_token',
  'assertion',
  'client_assertion',
  'client_secret',
  'id_token',
  'refresh_token',
  'subject_token',
]

/** What is secret in the parameters of token requests and in their answers. */
export function secretsIn(...bodies: unknown[]): string[] {
  return bodies.flatMap((body) => {
    const of = (typeof body === 'object' && body !== null ? body : {}) as Record<string, unknown>
    return parts.flatMap((part) => (typeof of[part] === 'string' ? [of[part]] : []))
  })
}
