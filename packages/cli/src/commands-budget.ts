import type { OuterBudgetView } from '@signalbox/protocol'
import type { Command } from 'commander'
import { type Shell, withClient, withShared } from './context.ts'
import { barOf, usd } from './format.ts'
import { type Output, printable } from './output.ts'

/** Adds the commands about budgets over many runs. */
export function addBudgetCommands(program: Command, shell: Shell): void {
  const budget = program.command('budget').description('budgets over many runs')
  withShared(budget.command('show'))
    .description('what each tenant, workflow and principal may use, what is given out and what is left')
    .option('--all', 'periods that are over as well')
    .action(async (options: { all?: boolean }, command: Command) => {
      await withClient(command, shell, async ({ client, out }) => {
        const { budgets } = await client.budgets()
        const shown = budgets.filter((each) => each.current || options.all === true)
        out.data({ budgets: shown })
        out.text(
          shown.length === 0 ? 'no budget over many runs is in force' : shown.map((each) => text(each, out)).join('\n'),
        )
      })
    })
}

function text({ scope, current, lines }: OuterBudgetView, out: Output): string {
  const head = `${out.color.bold(printable(scope))}${current ? '' : out.color.dim(' (over)')}`
  return [head, ...lines.filter(({ limit, given }) => limit !== null || given !== '0').map(lineText)].join('\n')
}

function lineText({ count, limit, given, left, forecast }: OuterBudgetView['lines'][number]): string {
  const amount = (value: string): string => (count === 'cost' ? usd(value) : value)
  if (limit === null || left === null) return `  ${count.padEnd(8)}${amount(given)} given, no limit`
  const fraction = limit === '0' ? 1 : Number(given) / Number(limit)
  const over = forecast !== null && BigInt(forecast) > BigInt(limit)
  const ahead = forecast === null ? '' : `, about ${amount(forecast)} by its end${over ? ': over the limit' : ''}`
  return `  ${count.padEnd(8)}${barOf(fraction)}  ${amount(given)} of ${amount(limit)} given, ${amount(left)} left${ahead}`
}
