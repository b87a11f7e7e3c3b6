import { expect, test } from '@playwright/test'
import { expectAccessible } from './support/axe.ts'
import { signInAs } from './support/sign-in.ts'

const agent = '/agents/invoice-reconciler-freight'

test('each tab of an agent is a page of its own and reads well in light and dark', async ({ page }) => {
  await signInAs(page, 'Team lead')
  for (const colorScheme of ['light', 'dark'] as const) {
    await page.emulateMedia({ colorScheme })
    for (const tab of ['', '/scopes', '/connections', '/runs', '/cost', '/versions', '/history', '/audit']) {
      await page.goto(agent + tab)
      await expect(page.getByRole('heading', { level: 1, name: 'Invoice reconciler: freight' })).toBeVisible()
      await expectAccessible(page)
    }
  }
})

test('one goes from what an agent calls to the traffic of the server, and to agents like it', async ({ page }) => {
  await signInAs(page, 'Finance')
  await page.goto(agent)
  await page.getByRole('link', { name: 'Connections' }).click()
  const calls = page.getByRole('list', { name: 'What Invoice reconciler: freight calls' })
  await expect(calls.getByRole('link', { name: 'get_invoice' })).toBeVisible()
  await expect(page.getByRole('table', { name: /^Agents similar to/ })).toContainText('Invoice reconciler: amer')
  await calls.getByRole('link', { name: 'Invoices', exact: true }).click()
  await expect(page.getByRole('heading', { level: 1, name: 'Invoices' })).toBeVisible()
  await page.getByRole('link', { name: '7 days' }).click()
  await expect(page).toHaveURL(/hours=168/)
  await expect(page.getByRole('table', { name: 'Traffic by tool' })).toContainText('list_invoices')
  await expectAccessible(page)
})

test('the owner team edits the registry entry, and security says its tier', async ({ page }) => {
  await signInAs(page, 'Team lead')
  await page.goto(agent)
  await page.getByRole('button', { name: 'Edit' }).click()
  const dialog = page.getByRole('dialog')
  await expect(dialog.getByLabel('Risk tier')).toBeDisabled()
  await expect(dialog).toContainText('Ask: Security, Platform admin.')
  await expectAccessible(page)
  await dialog.getByLabel('Purpose').fill('match invoices for freight to their orders')
  await dialog.getByLabel('Monthly budget in dollars').fill('600')
  await dialog.getByRole('button', { name: 'Save changes' }).click()
  await expect(dialog).toBeHidden()
  await expect(page.getByText('match invoices for freight to their orders').first()).toBeVisible()

  await signInAs(page, 'Security')
  await page.goto(agent)
  await page.getByRole('button', { name: 'Edit' }).click()
  await expect(dialog.getByLabel('Purpose')).toBeDisabled()
  await dialog.getByLabel('Risk tier').selectOption('high')
  await expectAccessible(page)
  await dialog.getByRole('button', { name: 'Save changes' }).click()
  await expect(dialog).toBeHidden()
  await expect(page.getByText('high risk').first()).toBeVisible()
})

test('one looks at the past of an agent and of the catalog, and back at now', async ({ page }) => {
  await signInAs(page, 'Platform admin')
  await page.goto(agent)
  const reviewed = page.waitForResponse((response) => response.request().method() === 'POST')
  await page.getByRole('button', { name: 'Mark as reviewed' }).click()
  await reviewed
  await page.getByRole('link', { name: 'History' }).click()
  await expect(page.getByRole('table', { name: 'Changes of the entry' })).toContainText('last_reviewed')
  await page
    .getByRole('link', { name: /^As of/ })
    .last()
    .click()
  await expect(page.getByText(/^As it was at 20/)).toBeVisible()
  await expect(page.getByRole('button', { name: /^(?:Suspend|Retire|Run now)/ })).toHaveCount(0)
  await expectAccessible(page)
  const asOf = await page.getByLabel('As of (UTC)').inputValue()
  await page.getByRole('link', { name: 'Back to now' }).click()
  await expect(page.getByRole('button', { name: 'Suspend' })).toBeVisible()

  await page.goto(`/agents?q=can:write&asOf=${asOf}`)
  await expect(page.getByText(/^As it was at 20/)).toBeVisible()
  await expect(page.getByRole('link', { name: 'New agent' })).toHaveCount(0)
  await expectAccessible(page)
  await page.getByRole('link', { name: 'What has changed since' }).click()
  await expect(page.getByText(/ matched at 20.*, /)).toBeVisible()
  await expectAccessible(page)

  await page.goto(`${agent}?asOf=1999-01-01`)
  await expect(page.getByText(/The records begin at/)).toBeVisible()
})

test('what one may not do says why and who may', async ({ page }) => {
  await signInAs(page, 'Finance')
  await page.goto(agent)
  const stop = page.getByRole('main').getByRole('button', { name: /^Stop agent/ })
  await expect(stop).toHaveAttribute('aria-disabled', 'true')
  await expect(stop).toContainText(/Security, On-call, Platform admin/)
  await page.goto(`${agent}/scopes`)
  await expect(page.getByRole('button', { name: /^Request a scope/ })).toContainText(/Builder, Team lead/)
})

test('a team asks for a scope and security sees it waiting; nobody asks twice', async ({ page }) => {
  await signInAs(page, 'Team lead')
  const ask = async () => {
    await page.goto(`${agent}/scopes`)
    await page.getByRole('button', { name: 'Request a scope' }).click()
    const dialog = page.getByRole('dialog')
    await dialog.getByLabel('MCP server').selectOption('crm')
    await dialog.getByLabel('Reason').fill('It reads who a supplier’s contact is.')
    await expectAccessible(page)
    await dialog.getByRole('button', { name: 'Send request' }).click()
    return dialog
  }
  await ask()
  await expect(page.getByRole('list', { name: 'Waiting for a decision' })).toContainText('crm')
  const again = await ask()
  await expect(again.getByRole('alert')).toBeVisible()
})

test('suspending and resuming keep their reasons in the audit log', async ({ page }) => {
  await signInAs(page, 'Security')
  await page.goto('/agents/invoice-reconciler-hardware')
  await page.getByRole('button', { name: 'Suspend' }).click()
  await page
    .getByRole('dialog')
    .getByLabel(/Reason/)
    .fill('Its supplier list is being cleaned.')
  await page
    .getByRole('dialog')
    .getByRole('button', { name: /^Suspend/ })
    .click()
  await expect(page.getByRole('main').getByText('suspended', { exact: true })).toBeVisible()
  await expect(page.getByRole('main')).toContainText('Its supplier list is being cleaned.')

  await page.getByRole('button', { name: 'Resume' }).click()
  await page
    .getByRole('dialog')
    .getByLabel(/Reason/)
    .fill('The list is clean.')
  await page
    .getByRole('dialog')
    .getByRole('button', { name: /^Resume/ })
    .click()
  await expect(page.getByRole('main').getByText('active', { exact: true }).first()).toBeVisible()

  await page.getByRole('link', { name: 'Audit' }).last().click()
  await expect(page.getByRole('row', { name: /agent\.resumed/ }).first()).toContainText('The list is clean.')
})

test('a server over stdio says whose its processes are, and lets who manages servers divide them', async ({ page }) => {
  await signInAs(page, 'Builder')
  await page.goto('/servers/workdays')
  await expect(page.getByRole('heading', { level: 2, name: 'Processes' })).toBeVisible()
  const boundary = page.getByLabel('Trust boundary')
  await expect(boundary).toBeDisabled()
  await expectAccessible(page)

  await page.context().clearCookies()
  await signInAs(page, 'Platform admin')
  await page.goto('/servers/workdays')
  await boundary.selectOption('One process for each team')
  await expect(page.getByText('The processes are divided anew.')).toBeVisible()
  await page.reload()
  await expect(boundary).toHaveValue('team')
  // What more may share waits for a second person.
  await boundary.selectOption('All agents share one process')
  const main = page.getByRole('main')
  await expect(main).toContainText('All agents share one process instead of one process for each team')
  await expect(main).toContainText('Meanwhile there is one process for each team')
  await page.reload()
  await expect(boundary).toHaveValue('team')
  await expect(main.getByRole('button', { name: /^Confirm/ })).toBeDisabled()
  await expectAccessible(page)
  await page.context().clearCookies()
  await signInAs(page, 'Security')
  await page.goto('/servers/workdays')
  await main.getByRole('button', { name: /^Confirm/ }).click()
  await page.getByRole('dialog').getByRole('button', { name: 'Let it count' }).click()
  await expect(main).not.toContainText('to loosen controls')
  await expect(boundary).toHaveValue('server')
  await expectAccessible(page)
})

test('templates and servers say what an agent inherits and who holds what', async ({ page }) => {
  await signInAs(page, 'Builder')
  await page.goto('/templates')
  await expectAccessible(page)
  await page.getByRole('link', { name: 'Invoice reconciler', exact: true }).click()
  await expect(page.getByText('inherited: sandbox, broker, audit, kill switch')).toBeVisible()
  await expectAccessible(page)

  await page.goto('/servers')
  await expectAccessible(page)
  await page.getByRole('link', { name: 'Billing database' }).click()
  await expect(page.getByRole('table', { name: /^Tools of/ })).toContainText('delete_account')
  await expect(
    page
      .getByRole('table', { name: /^Grants on/ })
      .getByRole('row')
      .nth(1),
  ).toBeVisible()
  await expectAccessible(page)
})

test('an agent is given limits of its own and told whose they are where its calls are explained; who may not does not', async ({
  page,
}) => {
  await signInAs(page, 'On-call')
  await page.goto('/agents/ticket-triager-orders/scopes')
  await page.getByRole('button', { name: 'Change limits' }).click()
  const dialog = page.getByRole('dialog', { name: /^Limits of / })
  await dialog.getByLabel('Bytes of a result').fill('50000')
  await dialog.getByLabel('Seconds to answer a call').fill('20')
  await dialog.getByLabel(/^Reason/).fill('It reads whole mailboxes.')
  await expectAccessible(page)
  await dialog.getByRole('button', { name: 'Save limits' }).click()
  await expect(page.getByRole('main').getByText('50,000 bytes')).toBeVisible()
  await expect(page.getByRole('main').getByText('20 s', { exact: true })).toBeVisible()
  await expectAccessible(page)
  await page.goto('/simulate?agent=ticket-triager-orders&server=tickets&tool=get_ticket')
  await expect(page.getByText(/Its answer may have 50000 bytes \(its own limit\)/)).toBeVisible()

  await signInAs(page, 'Builder')
  await page.goto('/agents/ticket-triager-orders/scopes')
  const mayNot = page.getByRole('button', { name: /^Change limits/ })
  await expect(mayNot).toHaveAttribute('aria-disabled', 'true')
})
