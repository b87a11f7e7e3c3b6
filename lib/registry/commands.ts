export { agentSubject, lockAgent, type LockedAgent } from './commands/agent-lock.ts'
export { credentialContext, registerServer, setServerCredential, updateServer } from './commands/servers.ts'
export { createTeam } from './commands/teams.ts'
export { approveTool, classifyTool, recordServerTools } from './commands/tools.ts'
