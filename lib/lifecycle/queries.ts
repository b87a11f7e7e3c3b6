import type { Ctx } from '#lib/auth/ctx.ts'

/** One YAML document an agent; several ids give a multi-document file. */
export declare function exportManifest(ctx: Ctx, id: string): Promise<string>
export declare function exportManifests(ctx: Ctx, ids: readonly string[]): Promise<string>
