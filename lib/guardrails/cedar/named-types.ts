import type { PolicyJson } from '@cedar-policy/cedar-wasm/nodejs'

/** The types of the things that policies name: of `Agent::"x"` it is Agent. What they only ask for by its kind (`principal is Agent`) is not named. */
export function namedTypes(policies: readonly PolicyJson[]): Set<string> {
  const named = JSON.stringify(policies).matchAll(/"type":"(?:\w+::)*(\w+)"/g)
  return new Set([...named].map((found) => found[1]!))
}
