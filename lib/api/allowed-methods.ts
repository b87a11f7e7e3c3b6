import { routes } from './routes.ts'
import type { Endpoint } from './endpoint.ts'

type Known = { pattern: RegExp; names: number; methods: readonly string[] }

let known: readonly Known[] | undefined

/** The methods that a path of the API has; null where there is no such path. */
export function methodsAt(path: string): readonly string[] | null {
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
