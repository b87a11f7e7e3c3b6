import type { Ctx } from '#lib/auth/ctx.ts'
import type { AgentFacets, AgentList, AgentListInput, AgentVersionRow, AgentVersionView, AgentView, CreationLog, PersonListQuery, PersonRow, ServerRow, ServerView, TeamRow } from './schema.ts'

export declare function listAgents(ctx: Ctx, query: AgentListInput): Promise<AgentList>
export declare function agentFacets(ctx: Ctx, query: AgentListInput): Promise<AgentFacets>
/** Throws `not_found`. */
export declare function getAgent(ctx: Ctx, id: string): Promise<AgentView>
export declare function listAgentVersions(ctx: Ctx, agentId: string): Promise<AgentVersionRow[]>
export declare function getAgentVersion(ctx: Ctx, id: { agentId: string; version: number }): Promise<AgentVersionView>
export declare function getCreationLog(ctx: Ctx, agentId: string): Promise<CreationLog>
export declare function listServers(ctx: Ctx): Promise<ServerRow[]>
export declare function getServer(ctx: Ctx, id: string): Promise<ServerView>
export declare function listTeams(ctx: Ctx): Promise<TeamRow[]>
export declare function listPeople(ctx: Ctx, query?: PersonListQuery): Promise<PersonRow[]>
