import type { Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { builtConsole, checkPage, openStage, press, type Stage } from './stage.ts'

let stage: Stage

beforeAll(async () => {
  stage = await openStage(await builtConsole())
})

afterEach(async () => {
  await stage.closePages()
  stage.mock.reset()
})

afterAll(async () => {
  await stage?.close()
})

const text = (page: Page, what: string | RegExp) => page.getByText(what).first()
const lastChange = () => stage.mock.backend.changes.at(-1)

describe('the policy page', () => {
  it('CON-130, CON-002: decisions are listed and filtered, and each tells which policies matched and why the others did not', async () => {
    const page = await stage.open('vera', '/runs')
    await page.getByRole('link', { name: 'Policy' }).press('Enter')
    await page.getByRole('tab', { name: 'Decisions' }).click()
    await page.getByRole('row', { name: /Denied.*payments\.pay.*PAYEE_UNKNOWN/ }).waitFor()
    await checkPage(page, 'policy-decisions')
    await page.getByLabel('Verdict').selectOption('allow')
    await page
      .getByRole('row', { name: /payments\.pay/ })
      .first()
      .waitFor({ state: 'detached' })
    expect(await page.getByRole('table', { name: 'Decisions' }).getByRole('row').count()).toBe(2)
    await page.getByRole('button', { name: /^Why/ }).press('Enter')
    await text(page, 'The bundle of that time is not at hand').waitFor()
    await press(page, 'Escape')
    await page.getByLabel('Verdict').selectOption('deny')
    await page
      .getByRole('row', { name: /Denied/ })
      .getByRole('button')
      .press('Enter')
    const dialog = page.getByRole('dialog')
    await dialog.getByText('decided', { exact: true }).waitFor()
    await dialog.getByText('context.input.minor > 100000').waitFor()
    // What was asked is untrusted: it is text, whatever it holds.
    await dialog.getByText('<b>Mallory & Sons</b>').first().waitFor()
    await checkPage(page, 'policy-decision')
    await page.getByLabel('Verdict').selectOption('warn', { force: true })
    await text(page, 'No such decision').waitFor({ state: 'attached' })
  })

  it('CON-131: the simulator asks the bundle in force or a draft; what is no JSON object is told before it is sent', async () => {
    const page = await stage.open('vera', '/policy/simulator')
    await page.getByLabel('Tool').selectOption('payments.pay')
    await page.getByLabel('Roles of the person').fill('payables-clerk, requester')
    await page.getByLabel('Input').fill('[1]')
    await page.getByRole('button', { name: 'Ask', exact: true }).press('Enter')
    await page.getByRole('alert').getByText('Input must be a JSON object').waitFor()
    expect(lastChange()).toBeUndefined()
    await page.getByLabel('Input').fill('{"minor": 5000}')
    await page
      .getByLabel('Files of a draft')
      .setInputFiles([
        { name: 'core.cedar', mimeType: 'text/plain', buffer: Buffer.from('permit(principal, action, resource);') },
      ])
    await text(page, 'A draft of 1 files: core.cedar').waitFor()
    await page.getByRole('button', { name: 'Ask', exact: true }).press('Enter')
    await page.getByRole('region', { name: 'Answer' }).getByText('PAYEE_UNKNOWN').waitFor()
    expect(lastChange()).toMatchObject({
      name: 'simulatePolicy',
      body: {
        who: { roles: ['payables-clerk', 'requester'] },
        input: { minor: 5000 },
        files: { 'core.cedar': 'permit(principal, action, resource);' },
      },
    })
    await page.getByRole('button', { name: 'Ask again' }).press('Enter')
    await page.getByRole('row', { name: /payments\.pay.*allow → deny.*pay\.never/ }).waitFor()
    await text(page, /of 40 decisions of 9 runs/).waitFor()
    await text(page, /1 could not be asked again/).waitFor()
    await checkPage(page, 'policy-simulator')
  })

  it('CON-132: roles and tools, exemptions and credentials are told; who answers for the table signs what was seen', async () => {
    const page = await stage.open('vera', '/policy/access')
    await text(page, 'Changed since it was signed').waitFor()
    await page.getByText('asks sometimes').first().click()
    await text(page, 'a payment above 1,000.00 needs an approver').waitFor()
    await page.getByRole('row', { name: /In force.*desk\.propose_hold/ }).waitFor()
    await page.getByRole('row', { name: /Does not resolve.*payments\.pay/ }).waitFor()
    await checkPage(page, 'policy-access')
    await page.getByRole('button', { name: 'Sign…' }).press('Enter')
    await page.getByLabel('Reason').fill('looked at it with the team')
    await page.getByLabel(/Type sign/).fill('sign')
    await press(page, 'Enter')
    await page.getByRole('dialog').waitFor({ state: 'detached' })
    expect(lastChange()).toMatchObject({ name: 'signRoles', body: { matrix: 'a'.repeat(64) } })
    const other = await stage.open('paul', '/policy/access')
    await text(other, 'Signing needs a role that answers for roles and tools.').waitFor()
  })

  it('CON-133: the bundle in force tells who brought it there and which processes hold it; a shadow what it would have done', async () => {
    const page = await stage.open('vera', '/policy')
    await text(page, 'activated by a second person').waitFor()
    const processes = page.getByRole('list', { name: 'Processes' })
    await processes.getByText('refused it, holds the one before').waitFor()
    await processes.getByText('tool `payments.pay` is laxer in code').waitFor()
    await page.getByRole('row', { name: /Would have blocked.*payments\.pay.*PERMITTED → NEVER/ }).waitFor()
    await page.getByRole('row', { name: /Error.*EFFECT_WITHOUT_APPROVAL.*catalogue.json:12/ }).waitFor()
    await text(page, 'The limit is lower <i>now</i>.').waitFor()
    await checkPage(page, 'policy-bundle')
    await text(page, 'Activating needs a role that reviews policy.').waitFor()
    const earlier = page.getByRole('row', { name: /bootstrap/ })
    await earlier.getByRole('button', { name: /^Go back/ }).press('Enter')
    await press(page, 'the old limit was right', 'Enter')
    await page.getByRole('dialog').waitFor({ state: 'detached' })
    expect(lastChange()).toMatchObject({ name: 'proposeBundle', body: { hash: 'd'.repeat(64) } })
  })

  it('CON-134: a draft shows what it would change, what lets more pass first; a second person activates it with a typed word', async () => {
    const page = await stage.open('olga', '/policy')
    const changes = page.getByRole('list', { name: 'Changes' })
    await changes.getByRole('listitem').first().getByText('lets more pass', { exact: true }).waitFor()
    await page.getByRole('button', { name: 'Activate…' }).press('Enter')
    await checkPage(page, 'policy-activate')
    await page.getByLabel('Reason').fill('checked with treasury')
    await press(page, 'Enter')
    await page.getByRole('alert').getByText('to confirm').waitFor()
    expect(lastChange()).toBeUndefined()
    await page.getByLabel(/Type activate/).fill('activate')
    await press(page, 'Enter')
    await text(page, 'No draft waits').waitFor()
    expect(lastChange()).toMatchObject({ name: 'activateBundle', id: 'c'.repeat(64) })
  })
})
