export { breakGlass, reviewBreakGlass } from './commands/break-glass.ts'
export { endAllScopes, grantDirectly, revokeGrant } from './commands/grants.ts'
export { decideScopeRequest, requestScope, withdrawScopeRequest } from './commands/requests.ts'
