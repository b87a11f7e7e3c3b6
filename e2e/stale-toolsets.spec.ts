import { expect, test } from '@playwright/test'
import { adminApi, post } from './support/api.ts'
import { expectAccessible } from './support/axe.ts'
import { signInAs } from './support/sign-in.ts'

const title = `Reading invoices waits ${Date.now()}`
const agentId = 'invoice-reconciler-industrial'
const over = { reason: 'The journey is over.' }
let ruleId: string | null = null

// It holds the calls of every agent, so it ends however the journey does: one person asks, another confirms.
test.afterEach(async ({ page }) => {
  if (ruleId === null) return
  const api = await adminApi()
  const end = `/hold-rules/${ruleId}/remove`
  await post(api, end, over, 200)
  await api.dispose()
  await signInAs(page, 'Security')
  const confirmed = await page.evaluate(
    async ({ path, body }) => {
      const headers = { 'content-type': 'application/json' }
      return await (await fetch(path, { method: 'POST', headers, body })).text()
    },
    { path: `/api/v1${end}`, body: JSON.stringify(over) },
  )
  expect(JSON.parse(confirmed)).toMatchObject({ removed: true })
})

test('a session that is open when a grant is revoked is named, with what it still lists and what comes of its calls', async ({
  page,
}) => {
  const api = await adminApi()
  const rule = { title, serverId: 'invoices', toolName: 'list_invoices', class: 'read', deciderRoles: ['security'] }
  ruleId = (await post<{ ruleId: string }>(api, '/hold-rules', rule)).ruleId
  // The run stays open as long as nobody decides about its first call.
  const { runId } = await post<{ runId: string }>(api, '/runs', { agentId })
  const waiting = async () =>
    (await (await api.get(`/api/v1/approvals?state=waiting&runId=${runId}`)).json()) as { items: unknown[] }
  await expect.poll(async () => (await waiting()).items.length, { timeout: 90_000 }).toBe(1)

  await signInAs(page, 'Security')
  await page.goto(`/agents/${agentId}/scopes`)
  const main = page.getByRole('main')
  await expect(main).not.toContainText('began with other tools')
  const grant = main
    .getByRole('row', { name: /Invoices/ })
    .filter({ has: page.getByRole('button', { name: /^Revoke/ }) })
  await grant
    .first()
    .getByRole('button', { name: /^Revoke/ })
    .click()
  await page.getByRole('dialog').getByLabel('Reason').fill('It reads another ledger from now on.')
  await page.getByRole('dialog').getByRole('button', { name: 'Revoke' }).click()
  await expect(main).toContainText('1 open session began with other tools', { timeout: 30_000 })
  const sessions = main.getByRole('list', { name: 'Sessions with other tools' })
  await expect(sessions).toContainText(/still lists invoices: .*list_invoices.*: refused since/)
  await expect(main).toContainText('Calls of what is not granted any more are refused by the broker, with the rule')
  await expectAccessible(page)

  // The call that waited is refused by the rule, in that session.
  await expect(sessions.getByRole('link', { name: /^Session that began/ })).toHaveAttribute('href', `/runs/${runId}`)
  await page.goto(`/runs/${runId}`)
  await expect(main.getByText('grant_missing').first()).toBeVisible({ timeout: 60_000 })
  await expectAccessible(page)
  await api.dispose()
})
