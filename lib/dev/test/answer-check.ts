import { problem } from '#lib/api/answers/problem.ts'
import type { Endpoint } from '#lib/api/endpoint.ts'

/** Endpoints that have answered well in this process, as `GET /api/v1/agents`. */
export const answered = new Set<string>()

/** Throws when an answer is not what the endpoint's contract promises. */
export async function checkAnswer(endpoint: Endpoint, response: Response): Promise<void> {
  const name = `${endpoint.method} ${endpoint.path}`
  const type = response.headers.get('content-type')?.split(';')[0] ?? null
  const say = (what: string) => {
    throw new Error(`${name} answered ${response.status} ${type}: ${what}`)
  }
  if (response.status >= 400) {
    if (type !== 'application/problem+json') say('no problem+json')
    const told = problem.safeParse(await response.clone().json())
    if (!told.success) say(told.error.message)
    return
  }
  if (response.status === 304) return
  answered.add(name)
  const { media, schema } = endpoint.answer
  if (response.status === 204) {
    if (schema && !schema.safeParse(null).success) say('nothing, though there is something to say')
    return
  }
  if (response.status !== (endpoint.status ?? 200) && response.status !== 200)
    say('another status than its contract has')
  if (type !== media) say(`its contract says ${media}`)
  if (media !== 'application/json') return
  if (!schema) return say('a body that its contract does not have')
  const parsed = schema.safeParse(await response.clone().json())
  if (!parsed.success) say(parsed.error.message)
}
