export { agentSubject, lockAgent, type LockedAgent } from './agent-lock.ts'
export { credentialContext, lockServer, registerServer, setServerCredential, updateServer } from './server-commands.ts'
export { createTeam } from './team-commands.ts'
export { approveTool, classifyTool, recordServerTools } from './tool-commands.ts'
