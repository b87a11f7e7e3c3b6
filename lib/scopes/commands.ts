export { endAllScopes, grantDirectly, type GrantScope, revokeGrant } from './grants.ts'
export { decideScopeRequest, requestScope, withdrawScopeRequest } from './request-commands.ts'
