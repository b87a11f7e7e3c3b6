import { expect, test } from '@playwright/test'
import { expectAccessible } from './support/axe.ts'
import { signInAs } from './support/sign-in.ts'

const policy = `@id("policy_nothing_by_hand")
@title("Nothing restricted by hand")
@explanation("A run that somebody started by hand changes nothing restricted.")
@remedy("Let the schedule start it.")
forbid (principal, action, resource)
when { context has session && context.session.startedBy == "manual" && resource.class != "read" && resource.server.sensitivity == "restricted" };
`

test('a change of the central policies: a draft that must type-check, log-only, enforced by a second person, rolled back', async ({
  page,
}) => {
  await signInAs(page, 'Security')
  await page.getByRole('navigation', { name: 'Main' }).getByRole('link', { name: 'Guardrails' }).click()
  await expect(page.getByRole('heading', { level: 1, name: 'Guardrails' })).toBeVisible()
  const before = await page.getByRole('heading', { name: /^In force: policy set \d+$/ }).innerText()
  await expect(
    page.getByRole('heading', { name: /Destructive tools on production only with break-glass/ }),
  ).toBeVisible()
  await expectAccessible(page)

  await page.getByRole('link', { name: 'New draft' }).click()
  await page.getByLabel(/^What changes, and why/).fill('What is started by hand changes nothing restricted.')
  const editor = page.getByLabel('Policies (Cedar)')
  const text = await editor.inputValue()
  await editor.fill(`${text}\n${policy.replace('resource.class', 'resource.colour')}`)
  await page.getByRole('button', { name: 'Save draft' }).click()
  const wrong = page.getByRole('alert').filter({ hasText: 'One thing is wrong' })
  await expect(wrong).toContainText('policy_nothing_by_hand')
  await expect(wrong.getByRole('button', { name: /^Line \d+, column \d+$/ })).toBeVisible()
  await expectAccessible(page)
  await editor.fill(`${text}\n${policy}`)
  await page.getByRole('button', { name: 'Save draft' }).click()

  const heading = page.getByRole('heading', { level: 1, name: /^Policy set \d+$/ })
  await expect(heading).toBeVisible()
  const number = (await heading.innerText()).replace('Policy set ', '')
  const diff = page.getByRole('region', { name: /^Against policy set/ })
  await expect(diff).toContainText('+ @id("policy_nothing_by_hand")')
  await expect(page.getByRole('button', { name: /^Enforce.*You wrote its text/ })).toBeVisible()
  await expectAccessible(page)
  await page.getByLabel('Recorded calls of').selectOption('24 hours')
  // Slower than the page asks again: a reading must not overtake the one before, or nothing ever shows.
  const readings = '**/*_rsc=*'
  await page.route(readings, async (route) => {
    await new Promise((resolve) => setTimeout(resolve, 2500))
    await route.continue()
  })
  await page.getByRole('button', { name: 'Replay', exact: true }).click()
  // The worker answers, and the page finds out by itself.
  const says = page.getByText(/^(?:Would have blocked .* calls?|There is no call on record)/)
  await expect(says).toBeVisible({ timeout: 60_000 })
  await page.unrouteAll({ behavior: 'wait' })
  await expectAccessible(page)
  await page.getByRole('link', { name: 'Which calls' }).click()
  await expect(page.getByRole('heading', { level: 1, name: 'Replay' })).toBeVisible()
  await expect(says).toBeVisible()
  await expectAccessible(page)
  await page.goto(`/guardrails/${number}`)
  await page.getByRole('button', { name: 'Make log-only' }).click()
  await expect(page.getByRole('button', { name: 'End log-only' })).toBeVisible()
  await expect(page.getByRole('link', { name: `Policy set ${number} is log-only` })).toBeVisible()

  await signInAs(page, 'Platform admin')
  await page.goto(`/guardrails/${number}`)
  const beside = page.getByRole('table', { name: 'Replay and log-only' })
  await expect(beside.getByRole('columnheader', { name: 'Replay' })).toBeVisible()
  await expect(beside.getByRole('columnheader', { name: 'Log-only' })).toBeVisible()
  await expect(page.getByText(/Log-only: (?:Would have blocked|There is no call on record)/)).toBeVisible()
  await expectAccessible(page)
  await expect(page.getByRole('button', { name: /^Throw/ })).toHaveCount(0)
  await page.getByRole('button', { name: 'Enforce' }).click()
  const dialog = page.getByRole('dialog')
  // Whether a replay met calls depends on what was called before; the dialog says what it met.
  await expect(dialog).toContainText(/Recorded calls were replayed with this text|It was replayed, and/)
  await expectAccessible(page)
  const why = dialog.getByLabel(/^Why it is enforced/)
  if (await why.isVisible()) await why.fill('It was only a journey through it.')
  await dialog.getByRole('button', { name: 'Enforce' }).click()
  await expect(page.getByRole('link', { name: 'Make a draft of it' })).toBeVisible()

  await page.goto('/rules/policy_nothing_by_hand')
  await expect(page.getByRole('heading', { level: 1, name: 'Nothing restricted by hand' })).toBeVisible()
  await expect(page.getByText('Let the schedule start it.')).toBeVisible()

  await page.goto(`/guardrails/${before.replace('In force: policy set ', '')}`)
  await page.getByRole('button', { name: 'Roll back to it' }).click()
  await page.getByRole('dialog').getByLabel('Reason').fill('It was only a journey through it.')
  await page.getByRole('dialog').getByRole('button', { name: 'Roll back' }).click()
  await expect(page.getByRole('dialog')).toBeHidden()
  await expect(page.getByRole('button', { name: 'Roll back to it' })).toBeHidden()
  await page.goto('/guardrails')
  await expect(page.getByRole('heading', { name: before })).toBeVisible()
  await page.goto('/rules/policy_nothing_by_hand')
  await expect(page.getByRole('heading', { level: 1, name: 'Nothing restricted by hand' })).toBeVisible()
})

test('a draft that judged no live call is thrown away, and a new one is made of it', async ({ page }) => {
  await signInAs(page, 'Security')
  await page.goto('/guardrails/new')
  await page.getByLabel(/^What changes, and why/).fill('Nobody will want this.')
  const editor = page.getByLabel('Policies (Cedar)')
  await editor.fill(`${await editor.inputValue()}\n${policy}`)
  await page.getByRole('button', { name: 'Save draft' }).click()
  const heading = page.getByRole('heading', { level: 1, name: /^Policy set \d+$/ })
  await expect(heading).toBeVisible()
  const number = (await heading.innerText()).replace('Policy set ', '')
  await expect(page.getByText('No recorded calls were replayed with this text. It was never log-only.')).toBeVisible()
  await page.getByRole('button', { name: `Throw away policy set ${number}` }).click()
  await expectAccessible(page)
  await page.getByRole('dialog').getByRole('button', { name: 'Throw it away' }).click()
  await expect(page.getByRole('link', { name: 'Make a draft of it' })).toBeVisible()
  await page.goto('/guardrails')
  const table = page.getByRole('table', { name: 'Policy sets' })
  await expect(table).toBeVisible()
  await expect(table.getByRole('link', { name: `Set ${number}`, exact: true })).toHaveCount(0)
  await page.getByRole('link', { name: 'Drafts thrown away' }).click()
  await expect(table.getByRole('link', { name: `Set ${number}`, exact: true })).toBeVisible()
  await expectAccessible(page)
})

test('what a set is tried by is set by who manages policies', async ({ page }) => {
  await signInAs(page, 'Security')
  await page.goto('/guardrails')
  await page.getByLabel('Minutes in log-only').fill('45')
  await page.getByRole('button', { name: 'Save', exact: true }).click()
  await expect(page.getByText(/^Set by /).last()).toBeVisible()
  await page.reload()
  await expect(page.getByLabel('Minutes in log-only')).toHaveValue('45')
})

test('who may not change policies reads them, and is told who can', async ({ page }) => {
  await signInAs(page, 'Builder')
  await page.goto('/guardrails')
  await expect(page.getByRole('button', { name: /New draft.*Security, Platform admin/ })).toBeVisible()
  await page.getByRole('link', { name: 'Open the set' }).click()
  await expect(page.getByRole('heading', { name: 'In plain words' })).toBeVisible()
})
