import type { Ctx } from '#lib/auth/ctx.ts'
import type { GrantListInput, GrantView, ScopeRequestList, ScopeRequestListInput, ScopeRequestView } from './schema.ts'

export declare function listScopeRequests(ctx: Ctx, query: ScopeRequestListInput): Promise<ScopeRequestList>
export declare function getScopeRequest(ctx: Ctx, id: string): Promise<ScopeRequestView>
export declare function listGrants(ctx: Ctx, query: GrantListInput): Promise<GrantView[]>
