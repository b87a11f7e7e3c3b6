export { listApprovalRules } from './queries/approval-policy.ts'
export { listBreakGlass } from './queries/break-glass.ts'
export { getGrant, listGrantPage, listGrants } from './queries/grants.ts'
export { getScopeRequest, listScopeRequests } from './queries/requests.ts'
