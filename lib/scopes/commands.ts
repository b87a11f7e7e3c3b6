export { endAllScopes, grantDirectly, revokeGrant } from './commands/grants.ts'
export { decideScopeRequest, requestScope, withdrawScopeRequest } from './commands/requests.ts'
