import { z } from 'zod'
import { getRun, listRunEvents } from '#lib/harness/queries.ts'
import { openRunStates } from '#lib/harness/schema.ts'
import { runNudge } from '#lib/web/run-nudges.ts'
import { sseRoute } from '#lib/web/sse.ts'

const contract = {
  params: z.strictObject({ id: z.uuid() }),
  query: z.object({ after: z.coerce.number().int().nonnegative().default(0) }),
}

/**
 * `GET /api/v1/runs/{id}/stream`: the run log as server-sent events. `log` carries a RunEventView and its `seq` as event id (a reconnecting
 * browser goes on from there), `run` a RunView when its state or figures changed, `end` that the run is over. Needs `runs:read`; 404 as problem+json.
 */
export const GET = sseRoute(contract, async function* (ctx, { params, query, lastEventId, signal }) {
  let after = Math.max(query.after, Number(lastEventId ?? 0) || 0)
  let shown = ''
  while (!signal.aborted) {
    const run = await getRun(ctx, params.id)
    const events = await listRunEvents(ctx, { runId: params.id, after })
    for (const event of events) {
      after = event.seq
      yield { id: String(event.seq), event: 'log', data: event }
    }
    const text = JSON.stringify(run)
    if (text !== shown) yield { event: 'run', data: run }
    shown = text
    if (events.length > 0) continue
    if (!openRunStates.some((state) => state === run.state)) return yield { event: 'end', data: { state: run.state } }
    await runNudge(params.id, signal)
  }
})
