export { listInbox } from './queries/inbox.ts'
