/**
 * Every text that a page gives, also in what its own asynchronous parts give when they are asked. What the browser renders itself is not called: of that only what it is given to show is looked at, not
 * what its controls say when they are switched off.
 */
export async function textsOf(page: unknown): Promise<string[]> {
  const texts: string[] = []
  await walk(await page, (part) => typeof part === 'string' && texts.push(part), new Set())
  return texts
}

/** What every such part of a page is given. */
export async function propsOf(page: unknown, component: unknown): Promise<Record<string, unknown>[]> {
  const found: Record<string, unknown>[] = []
  await walk(await page, (part) => isElement(part) && part.type === component && found.push(part.props), new Set())
  return found
}

async function walk(value: unknown, visit: (part: unknown) => void, seen: Set<unknown>): Promise<void> {
  if (typeof value === 'string') visit(value)
  if (typeof value !== 'object' || value === null || seen.has(value)) return
  seen.add(value)
  if (Array.isArray(value)) {
    for (const each of value) await walk(each, visit, seen)
    return
  }
  if (!isElement(value)) return
  visit(value)
  const { type, props } = value
  if (typeof type === 'function' && type.constructor.name === 'AsyncFunction') {
    await walk(await (type as (given: object) => Promise<unknown>)(props), visit, seen)
    return
  }
  for (const [name, prop] of Object.entries(props)) {
    if (name === 'children' || isElement(prop)) await walk(prop, visit, seen)
  }
}

/** What JSX makes. */
function isElement(value: unknown): value is { type: unknown; props: Record<string, unknown> } {
  return typeof value === 'object' && value !== null && '$$typeof' in value && 'type' in value && 'props' in value
}
