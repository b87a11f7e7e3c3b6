import { expect, type Page, test } from '@playwright/test'
import { adminApi, post } from './support/api.ts'
import { expectAccessible } from './support/axe.ts'
import { signInAs } from './support/sign-in.ts'
import { disableServer } from './support/tool-server.ts'
import { expectNoSidewaysScroll } from './support/width.ts'

const server = '/servers/crm'
const table = (page: Page) => page.getByRole('table', { name: /^Credentials of/ })

test('security sets a team’s own credential, sees all of it but the secret, and removes it with a reason', async ({
  page,
}) => {
  const secret = `e2e-${Date.now().toString(36)}-never-shown-again`
  await signInAs(page, 'Security')
  await page.goto(server)
  await expect(table(page)).toContainText('every team without its own')
  await expect(table(page)).toContainText('Bearer token')
  await page.getByRole('button', { name: 'Set a credential' }).click()
  const dialog = page.getByRole('dialog')
  await expectAccessible(page)
  await dialog.getByLabel('For').selectOption({ index: 1 })
  const team = await dialog.getByLabel('For').locator('option:checked').innerText()
  await dialog.getByLabel('Kind').selectOption('Header of its own')
  await dialog.getByLabel('Name of the header (required)').fill('X-Api-Key')
  await dialog.getByLabel('Value (required)').fill(secret)
  await dialog.getByLabel('Reason').fill('The team has its own account there.')
  await dialog.getByRole('button', { name: 'Seal credential' }).click()
  await expect(dialog).toHaveCount(0)

  const row = table(page).getByRole('row', { name: team })
  await expect(row).toContainText('Header of its own: X-Api-Key')
  await expect(row).toContainText('The team has its own account there.')
  await expect(row).toContainText('never')
  await page.reload()
  await expect(row).toBeVisible()
  expect(await page.content()).not.toContain(secret)
  await expectAccessible(page)

  await row.getByRole('button', { name: 'Remove' }).click()
  await page.getByRole('dialog').getByLabel('Reason (required)').fill('The account is closed.')
  await page.getByRole('dialog').getByRole('button', { name: 'Remove credential' }).click()
  // While a dialog is open nothing behind it has a role: that it is gone says nothing yet.
  await expect(page.getByRole('dialog')).toBeHidden()
  await expect(row).toHaveCount(0)
})

test('what is no certificate is refused at its field, and each kind asks for what it needs', async ({ page }) => {
  await signInAs(page, 'Security')
  await page.goto(server)
  await page.getByRole('button', { name: 'Set a credential' }).click()
  const dialog = page.getByRole('dialog')
  await dialog.getByLabel('Kind').selectOption('Client certificate')
  await dialog.getByLabel('Certificate (required)').fill('-----BEGIN nothing')
  await dialog.getByLabel('Private key (required)').fill('-----BEGIN nothing')
  await dialog.getByRole('button', { name: 'Seal credential' }).click()
  await expect(dialog.getByText('This is no X.509 certificate in PEM.').first()).toBeVisible()
  await dialog.getByLabel('Kind').selectOption('OAuth client')
  await expect(dialog.getByLabel('Client secret (required)')).toBeVisible()
  await dialog.getByLabel('It authenticates with').selectOption('private_key_jwt')
  await expect(dialog.getByLabel('Client secret (required)')).toHaveCount(0)
  await dialog.getByLabel('Kind').selectOption('OAuth, by the identity provider')
  await dialog.getByLabel('Identity provider (required)', { exact: true }).fill('https://idp.example')
  await dialog.getByLabel('Client id at the identity provider (required)').fill('wheelhouse')
  await dialog.getByLabel('Authorization server of the MCP server (required)').fill('https://auth.example')
  await dialog.getByLabel('Client id there (required)').fill('wheelhouse')
  await dialog.getByLabel('Client secret there (required)').fill('never-sealed')
  await dialog.getByRole('button', { name: 'Seal credential' }).click()
  await expect(dialog.getByText('Give an ID token or a refresh token, one of them.').first()).toBeVisible()
  await expectAccessible(page)
  await dialog.getByLabel('Kind').selectOption('OAuth, authorized by a person')
  await expect(dialog.getByRole('button', { name: 'Go to authorize' })).toBeVisible()
  await expect(dialog.getByLabel('Client id, if there is one')).toHaveAccessibleDescription(
    /redirect address http.*\/api\/oauth\/callback$/,
  )
  await expectAccessible(page)
})

test('of a program each of its variables has its field, and there is no kind to choose', async ({ page }) => {
  const api = await adminApi()
  const id = `variables-${Date.now().toString(36)}`
  const secret = `e2e-${id}-never-shown-again`
  const command = { command: 'files', args: [], env: ['FILES_TOKEN', 'FILES_USER'] }
  const place = { environment: 'staging', sensitivity: 'internal', acknowledged: ['not_probed'] }
  await post(api, '/servers', { id, name: 'Files of the team', transport: 'stdio', command, ...place })
  await signInAs(page, 'Security')
  await page.goto(`/servers/${id}`)
  await expect(page.getByRole('main')).toContainText('is started without values of FILES_TOKEN, FILES_USER')
  await page.getByRole('button', { name: 'Set a credential' }).click()
  const dialog = page.getByRole('dialog')
  await expect(dialog.getByLabel('Kind')).toHaveCount(0)
  const seal = dialog.getByRole('button', { name: 'Seal values' })
  await seal.click()
  await expect(dialog.getByLabel('FILES_TOKEN')).toHaveAccessibleDescription('Give a value of at least one variable.')
  await expectAccessible(page)
  await dialog.getByLabel('FILES_TOKEN').fill(`${secret} ü`)
  await dialog.getByLabel('FILES_USER').fill('ada')
  await page.setViewportSize({ width: 360, height: 800 })
  await expectNoSidewaysScroll(page, `/servers/${id}`)
  await seal.click()
  await expect(dialog).toHaveCount(0)
  await expect(table(page)).toContainText('Values of its variables')
  expect(await page.content()).not.toContain(secret)
  await disableServer(api, id)
  await api.dispose()
})

test('who may not set a credential is told why and who may', async ({ page }) => {
  await signInAs(page, 'Builder')
  await page.goto(server)
  const set = page.getByRole('button', { name: /^Set a credential/ })
  await expect(set).toHaveAttribute('aria-disabled', 'true')
  await expect(set).toContainText(/Security, Platform admin/)
})
