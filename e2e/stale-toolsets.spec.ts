import { expect, test } from '@playwright/test'
import { adminApi, post } from './support/api.ts'
import { expectAccessible } from './support/axe.ts'
import { signInAs } from './support/sign-in.ts'

const title = `Reading invoices waits ${Date.now()}`
const agentId = 'invoice-reconciler-industrial'

test('a session that is open when a grant is revoked is named, with what it still lists and what comes of its calls', async ({
  page,
}) => {
  const api = await adminApi()
  const rule = { title, serverId: 'invoices', toolName: 'list_invoices', class: 'read', deciderRoles: ['security'] }
  const { ruleId } = await post<{ ruleId: string }>(api, '/hold-rules', rule)
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

  await post(api, `/hold-rules/${ruleId}/remove`, { reason: 'The journey is over.' }, 200)
  await page.goto('/approvals/rules')
  const row = page.getByRole('table', { name: 'Rules that hold calls' }).getByRole('row', { name: new RegExp(title) })
  await row.getByRole('button', { name: 'Confirm removal' }).click()
  await page.getByRole('dialog').getByLabel('Reason').fill('The journey is over.')
  await page.getByRole('dialog').getByRole('button', { name: 'Confirm removal' }).click()
  await expect(row).toBeHidden()
  await api.dispose()
})
