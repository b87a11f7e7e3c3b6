export { listGrants } from './grant-queries.ts'
export { getScopeRequest, listScopeRequests } from './request-queries.ts'
