export { setServerGuards } from './commands/server-guards.ts'
