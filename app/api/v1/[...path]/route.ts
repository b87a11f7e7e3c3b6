import { DomainError } from '#lib/core/errors.ts'
import { apiRoute } from '#lib/web/route.ts'

/** Whatever is no endpoint is told so as a problem, not as a page. */
const nothingHere = apiRoute({ auth: 'none' }, async (_, { request }) => {
  throw new DomainError('not_found', `There is no ${request.method} ${request.nextUrl.pathname} in this API.`)
})

export {
  nothingHere as DELETE,
  nothingHere as GET,
  nothingHere as HEAD,
  nothingHere as OPTIONS,
  nothingHere as PATCH,
  nothingHere as POST,
  nothingHere as PUT,
}
