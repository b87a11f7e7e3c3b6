export { collectNotifications } from './commands/collect.ts'
export { forgetNotifications } from './commands/forget.ts'
export { markAllRead, markNotification } from './commands/read.ts'
