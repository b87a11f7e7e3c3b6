import type { Expr, PolicyJson, TypeAndId } from '@cedar-policy/cedar-wasm/nodejs'
import type { CedarRequest } from './request.ts'

/** What of a request says which policies can concern it: names of the agent and the tool with those above them, and their plain attributes. */
export type SliceFacts = {
  principal: ReadonlySet<string>
  resource: ReadonlySet<string>
  values: Readonly<Record<string, unknown>>
}

/** False: then the policy does not concern the request, and Cedar need not look at it. */
type Test = (facts: SliceFacts) => boolean

export function sliceFactsOf({ principal, resource, context, entities }: CedarRequest): SliceFacts {
  const entityOf = (uid: TypeAndId) => entities.find((entity) => keyOf(entity.uid as TypeAndId) === keyOf(uid))
  const agent = entityOf(principal)!
  const tool = entityOf(resource)!
  const server = entityOf((tool.attrs['server'] as { __entity: TypeAndId }).__entity)!
  const names = (uid: TypeAndId, parents: unknown[]) => new Set([uid, ...(parents as TypeAndId[])].map(keyOf))
  return {
    principal: names(principal, agent.parents),
    resource: names(resource, tool.parents),
    values: {
      'principal.tier': agent.attrs['tier'],
      'resource.class': tool.attrs['class'],
      'resource.server.environment': server.attrs['environment'],
      'resource.server.sensitivity': server.attrs['sensitivity'],
      'resource.server.demo': server.attrs['demo'],
      'context.simulated': context['simulated'],
      'context.breakGlass': context['breakGlass'],
      'context.hour': context['hour'],
      'context.weekday': context['weekday'],
    },
  }
}

/**
 * What must be true for a policy to be satisfied, as far as it can be said without Cedar: its scope, and comparisons of plain attributes. In the order in which Cedar
 * evaluates: behind the first part that could fail nothing counts, for there Cedar has to fail.
 */
export function testsOf({ principal, resource, conditions }: PolicyJson): Test[] {
  const tests: Test[] = []
  const scopes = [
    [principal, 'principal', 'Wheelhouse::Agent'],
    [resource, 'resource', 'Wheelhouse::Tool'],
  ] as const
  for (const [scope, which, type] of scopes) {
    const entity =
      'entity' in scope ? scope.entity : 'in' in scope && scope.in && 'entity' in scope.in ? scope.in.entity : null
    if (scope.op === 'is' && scope.entity_type !== type) tests.push(() => false)
    // `==` asks for the thing itself; no name of one is also the name of something above it.
    if (entity) {
      const key = keyOf(uidOf(entity))
      tests.push((facts) => facts[which].has(key))
    }
  }
  for (const { kind, body } of conditions) {
    for (const part of kind === 'when' ? conjuncts(body) : [{ '!': { arg: body } }]) {
      const test = testOf(part)
      if (test) tests.push(test)
      else if (!cannotFail(part)) return tests
    }
  }
  return tests
}

function conjuncts(expression: Expr): Expr[] {
  const and = (expression as Node)['&&'] as Sides | undefined
  return and ? [...conjuncts(and.left), ...conjuncts(and.right)] : [expression]
}

type Node = Record<string, unknown>
type Sides = { left: Expr; right: Expr }

/** A comparison of one plain attribute, or null. */
function testOf(expression: Expr): Test | null {
  const node = expression as Node
  const path = pathOf(expression)
  if (path) return isPlain(path) ? ({ values }) => values[path] === true : null
  const not = node['!'] as { arg: Expr } | undefined
  if (not) {
    const test = conjuncts(not.arg).length === 1 ? testOf(not.arg) : allOf(conjuncts(not.arg).map(testOf))
    return test && ((facts) => !test(facts))
  }
  const either = node['||'] as Sides | undefined
  if (either) {
    const [left, right] = [allOf(conjuncts(either.left).map(testOf)), allOf(conjuncts(either.right).map(testOf))]
    return left && right ? (facts) => left(facts) || right(facts) : null
  }
  const equal = (node['=='] ?? node['!=']) as Sides | undefined
  if (equal) {
    const [path, value] = attributeAndValue(equal)
    if (path === null) return null
    const wanted = '==' in node
    return ({ values }) => (values[path] === value) === wanted
  }
  const order = orders.find((name) => name in node)
  if (order) {
    const { left, right } = node[order] as Sides
    const [before, behind] = [numberOf(left), numberOf(right)]
    return before && behind && ((facts) => compare[order](before(facts), behind(facts)))
  }
  const contains = node['contains'] as Sides | undefined
  if (contains) {
    const path = pathOf(contains.right)
    const among = (contains.left as { Set?: Expr[] }).Set?.map(literalOf)
    if (!path || !isPlain(path) || !among || among.includes(undefined)) return null
    return ({ values }) => among.includes(values[path] as Literal)
  }
  return null
}

const orders = ['<', '<=', '>', '>='] as const
const compare = {
  '<': (a: number, b: number) => a < b,
  '<=': (a: number, b: number) => a <= b,
  '>': (a: number, b: number) => a > b,
  '>=': (a: number, b: number) => a >= b,
}
const numeric: ReadonlySet<string> = new Set(['context.hour', 'context.weekday'])

/** The hour, the day, or a number as it stands. */
function numberOf(expression: Expr): ((facts: SliceFacts) => number) | null {
  const value = literalOf(expression)
  if (typeof value === 'number') return () => value
  const path = pathOf(expression)
  return path && numeric.has(path) ? ({ values }) => values[path] as number : null
}

function allOf(tests: readonly (Test | null)[]): Test | null {
  if (tests.includes(null)) return null
  return (facts) => tests.every((test) => test!(facts))
}

function attributeAndValue({ left, right }: Sides): [string, Literal] | [null, null] {
  for (const [attribute, other] of [
    [left, right],
    [right, left],
  ] as const) {
    const path = pathOf(attribute)
    const value = literalOf(other)
    if (path && isPlain(path) && value !== undefined) return [path, value]
  }
  return [null, null]
}

type Literal = string | boolean | number

function literalOf(expression: Expr): Literal | undefined {
  const { Value: value } = expression as { Value?: unknown }
  if (typeof value === 'string' || typeof value === 'boolean') return value
  // A larger one is not the number that the text says.
  return Number.isSafeInteger(value) ? (value as number) : undefined
}

/** `resource.server.environment`; null for anything else. */
function pathOf(expression: Expr): string | null {
  const node = expression as { Var?: string; '.'?: { left: Expr; attr: string } }
  if (node.Var) return node.Var
  if (!node['.']) return null
  const left = pathOf(node['.'].left)
  return left === null ? null : `${left}.${node['.'].attr}`
}

const plain = new Set([
  'principal.tier',
  'resource.class',
  'resource.server.environment',
  'resource.server.sensitivity',
  'resource.server.demo',
  'context.simulated',
  'context.breakGlass',
  'context.hour',
  'context.weekday',
])
/** What every request has, beside those: to look at it never fails. */
const present = new Set(['principal', 'action', 'resource', 'context', 'resource.server', 'resource.openTo'])
/** With operands that cannot fail these cannot either, in a policy that type-checks. */
const harmless = ['==', '!=', 'in', '<', '<=', '>', '>=', '&&', '||', 'contains', 'containsAll', 'containsAny'] as const

function isPlain(path: string): boolean {
  return plain.has(path)
}

/** Whether its evaluation ends in true or false, whatever the request: no arithmetic, which may overflow, and nothing that may be missing. */
function cannotFail(expression: Expr): boolean {
  const node = expression as Node
  if ('Value' in node) return true
  const path = pathOf(expression)
  if (path) return plain.has(path) || present.has(path)
  const not = (node['!'] ?? node['isEmpty']) as { arg: Expr } | undefined
  if (not) return cannotFail(not.arg)
  const set = node['Set'] as Expr[] | undefined
  if (set) return set.every(cannotFail)
  const left = (node['has'] ?? node['like'] ?? (node['is'] as { in?: Expr } | undefined)) as
    | { left: Expr; in?: Expr }
    | undefined
  if (left) return cannotFail(left.left) && (!left.in || cannotFail(left.in))
  const operator = harmless.find((name) => name in node)
  if (!operator) return false
  const sides = node[operator] as Sides
  return cannotFail(sides.left) && cannotFail(sides.right)
}

function uidOf(uid: { __entity: TypeAndId } | TypeAndId): TypeAndId {
  return '__entity' in uid ? uid.__entity : uid
}

function keyOf({ type, id }: TypeAndId): string {
  return `${type} ${id}`
}
