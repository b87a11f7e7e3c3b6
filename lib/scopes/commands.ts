export {
  confirmApprovalRule,
  createApprovalRule,
  removeApprovalRule,
  withdrawApprovalRuleEnd,
} from './commands/approval-policy.ts'
export { breakGlass, reviewBreakGlass } from './commands/break-glass.ts'
export { decideScopeRequest } from './commands/decide-request.ts'
export { endAllScopes, grantDirectly, revokeGrant } from './commands/grants.ts'
export { narrowGrant } from './commands/narrow.ts'
export { remindOfScopes } from './commands/reminders.ts'
export { requestScope, withdrawScopeRequest } from './commands/requests.ts'
export { reviseScopeRequest } from './commands/revise-request.ts'
