import { z } from 'zod'

const cursors = z.object({ nextCursor: z.string().nullish(), prevCursor: z.string().nullish() })

/**
 * The Link header of a page of a list (RFC 8288): the same request with another place. Null: there is no other page. `parameter` is what
 * the place is sent as.
 */
export function pageLinks(request: Request, value: unknown, parameter: string): string | null {
  const { nextCursor, prevCursor } = cursors.safeParse(value).data ?? {}
  const links = [
    ...(nextCursor ? [link(request, { parameter, cursor: nextCursor, relation: 'next' })] : []),
    ...(prevCursor ? [link(request, { parameter, cursor: prevCursor, relation: 'prev' })] : []),
  ]
  return links.length > 0 ? links.join(', ') : null
}

function link(request: Request, to: { parameter: string; cursor: string; relation: string }): string {
  const { pathname, searchParams } = new URL(request.url)
  searchParams.set(to.parameter, to.cursor)
  return `<${pathname}?${searchParams}>; rel="${to.relation}"`
}
