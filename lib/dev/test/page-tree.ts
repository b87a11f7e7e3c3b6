/**
 * Every text that a page gives, also in what its own asynchronous parts give when they are asked. What the browser renders itself is not called: of that only what it is given to show is looked at, not
 * what its controls say when they are switched off.
 */
export async function textsOf(page: unknown): Promise<string[]> {
  const texts: string[] = []
  await walk(await page, texts, new Set())
  return texts
}

async function walk(value: unknown, texts: string[], seen: Set<unknown>): Promise<void> {
  if (typeof value === 'string') texts.push(value)
  if (typeof value !== 'object' || value === null || seen.has(value)) return
  seen.add(value)
  if (Array.isArray(value)) {
    for (const each of value) await walk(each, texts, seen)
    return
  }
  if (!isElement(value)) return
  const { type, props } = value
  if (typeof type === 'function' && type.constructor.name === 'AsyncFunction') {
    await walk(await (type as (given: object) => Promise<unknown>)(props), texts, seen)
    return
  }
  for (const [name, prop] of Object.entries(props)) {
    if (name === 'children' || isElement(prop)) await walk(prop, texts, seen)
  }
}

/** What JSX makes. */
function isElement(value: unknown): value is { type: unknown; props: Record<string, unknown> } {
  return typeof value === 'object' && value !== null && '$$typeof' in value && 'type' in value && 'props' in value
}
