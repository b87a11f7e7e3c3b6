import { problemResponse } from './problem.ts'

/** The answer to a method that a path does not have (RFC 9110, 15.5.6). */
export function methodRefusal(
  asked: { method: string; path: string; requestId: string },
  methods: readonly string[],
): Response {
  const { method, path, requestId } = asked
  const message = `${path} takes ${methods.join(', ')}, not ${method}.`
  const response = problemResponse({ code: 'method_not_allowed', message, requestId }, path)
  response.headers.set('allow', methods.join(', '))
  return response
}
