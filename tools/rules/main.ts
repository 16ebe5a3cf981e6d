/** `npm run rules -- [R5 …]`: breaks each rule in memory and shows which test notices. Exit code 1 when none does. */
import { MUTATIONS } from './mutations.ts'
import { misplaced, RuleRunner } from './runner.ts'

const root = process.cwd()
const wanted = process.argv.slice(2)
const chosen = MUTATIONS.filter(({ rule }) => wanted.length === 0 || wanted.includes(rule))
let unnoticed = 0
for (const line of misplaced(root, chosen)) {
  unnoticed++
  console.log(`misplaced  ${line}`)
}
const runner = await RuleRunner.open(root)
try {
  for (const mutation of chosen) {
    const honest = await runner.honest(mutation.test, mutation.noticed)
    const broken = await runner.broken(mutation, honest)
    const green = honest.passed > 0 && honest.failed === 0
    const noticed = green && broken.failed > 0
    if (!noticed) unnoticed++
    const word = noticed ? 'noticed  ' : green ? 'UNNOTICED' : 'NOT GREEN'
    console.log(`${word}  ${mutation.rule.padEnd(4)}${mutation.noticed}  ${mutation.breaks}`)
  }
} finally {
  await runner.close()
}
console.log(unnoticed === 0 ? `${chosen.length} of ${chosen.length} noticed` : `${unnoticed} to mend`)
process.exit(unnoticed === 0 ? 0 : 1)
