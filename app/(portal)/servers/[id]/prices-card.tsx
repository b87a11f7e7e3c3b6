import Link from 'next/link'
import { Card } from '#components/ui/card.tsx'
import { Fact, Facts } from '#components/ui/facts.tsx'
import type { Ctx } from '#lib/auth/ctx.ts'
import { exactDollars } from '#lib/core/money.ts'
import { paths } from '#lib/core/paths.ts'
import { callPrices } from '#lib/metrics/queries.ts'
import { serverRevision } from '#lib/registry/queries/revisions.ts'
import { whyNot } from '#lib/web/why-not.ts'
import { PriceButton } from './price-button.client.tsx'

/** What calls of this server's tools cost. */
export async function PricesCard({ ctx, serverId }: { ctx: Ctx; serverId: string }) {
  // Read first: a change in between is then one that the page has not shown.
  const revision = (await serverRevision(ctx.db, serverId, false)) ?? ''
  const { listUnitPriceMicros, tools } = await callPrices(ctx, serverId)
  const own = tools.filter(({ setFor }) => setFor === 'tool')
  return (
    <Card
      title="Prices"
      description="What a call costs is in its record, counts within seconds in the budget of its agent and in every figure of cost. Nothing is billed for a call that is refused, does not reach its server or is answered with an error of the protocol. An error of the tool is billed, and so is a call that was sent and given up by deadline, size or caller."
    >
      <div className="flex flex-wrap items-start justify-between gap-x-4 gap-y-2">
        <Facts>
          <Fact label="Tools">{callPriceText(listUnitPriceMicros)}</Fact>
          {own.length > 0 && (
            <Fact label="With their own">
              <ul className="space-y-1">
                {own.map(({ tool, listUnitPriceMicros: price }) => (
                  <li key={tool}>
                    <Link
                      href={paths.serverTool(serverId, tool)}
                      className="font-mono break-all underline underline-offset-2"
                    >
                      {tool}
                    </Link>{' '}
                    {callPriceText(price)}
                  </li>
                ))}
              </ul>
            </Fact>
          )}
        </Facts>
        <PriceButton
          serverId={serverId}
          tool={null}
          listUnitPriceMicros={listUnitPriceMicros}
          revision={revision}
          whyNot={whyNot(ctx.actor, 'costs:manage')}
        />
      </div>
    </Card>
  )
}

/** What a call of one tool costs, on the page of the tool. */
export async function ToolPrice({ ctx, serverId, name }: { ctx: Ctx; serverId: string; name: string }) {
  const revision = (await serverRevision(ctx.db, serverId, false)) ?? ''
  const price = (await callPrices(ctx, serverId)).tools.find(({ tool }) => tool === name)
  const ofServer = price?.setFor === 'server'
  return (
    <span className="flex flex-wrap items-center gap-x-3 gap-y-1">
      {callPriceText(price?.listUnitPriceMicros ?? null)}
      {ofServer && ', as its server says'}
      <PriceButton
        serverId={serverId}
        tool={name}
        listUnitPriceMicros={ofServer ? null : (price?.listUnitPriceMicros ?? null)}
        revision={revision}
        whyNot={whyNot(ctx.actor, 'costs:manage')}
      />
    </span>
  )
}

function callPriceText(micros: string | null): string {
  return micros === null || micros === '0' ? 'nothing' : `$${exactDollars(BigInt(micros))} a call`
}
