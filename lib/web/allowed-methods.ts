import { routes } from '#lib/api/routes.ts'
import type { Endpoint } from '#lib/api/endpoint.ts'
import { problemResponse } from './problem.ts'

type Known = { pattern: RegExp; names: number; methods: readonly string[] }

/** The answer to a method that a path of the API does not have (RFC 9110, 15.5.6); null where it has it, or where there is no such path. */
export function methodRefusal({ method, path, requestId }: { method: string; path: string; requestId: string }) {
  const methods = path.startsWith('/api/v1/') ? methodsAt(path) : null
  if (!methods || methods.includes(method)) return null
  const message = `${path} takes ${methods.join(', ')}, not ${method}.`
  const response = problemResponse({ code: 'method_not_allowed', message, requestId }, path)
  response.headers.set('allow', methods.join(', '))
  return response
}

let known: readonly Known[] | undefined

function methodsAt(path: string): readonly string[] | null {
  known ??= knownPaths()
  return known.find(({ pattern }) => pattern.test(path))?.methods ?? null
}

/** The paths, those first that name the fewest things: `/servers/import` is no server. */
function knownPaths(): Known[] {
  const endpoints: Pick<Endpoint, 'path' | 'method'>[] = [
    ...Object.values(routes).flatMap((topic): Endpoint[] => Object.values(topic)),
    { path: '/api/v1/openapi.json', method: 'GET' },
  ]
  return [...Map.groupBy(endpoints, ({ path }) => path)]
    .map(([path, served]) => ({
      pattern: new RegExp(`^${path.replaceAll('.', '\\.').replaceAll(/\{\w+\}/g, '[^/]+')}/?$`),
      names: path.split('{').length - 1,
      methods: methodsOf(served.map(({ method }) => method)),
    }))
    .toSorted((a, b) => a.names - b.names)
}

function methodsOf(served: readonly string[]): string[] {
  return [...served, ...(served.includes('GET') ? ['HEAD'] : []), 'OPTIONS'].toSorted()
}
