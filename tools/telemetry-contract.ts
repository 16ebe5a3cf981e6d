/** `node tools/telemetry-contract.ts`: writes the code and the page that are made from the telemetry contract. */
import { readFileSync, writeFileSync } from 'node:fs'
import { contractCode, contractPage, readContract, reviewWarning } from './lib/telemetry-contract.ts'

const at = (path: string): URL => new URL(`../${path}`, import.meta.url)
const contract = readContract(readFileSync(at('packages/runtime/src/observability/contract.v1.json'), 'utf8'))
writeFileSync(at('packages/runtime/src/observability/contract.generated.ts'), contractCode(contract))
writeFileSync(at('docs/reference/telemetry.md'), contractPage(contract))
const warning = reviewWarning(contract, Date.now())
if (warning) console.warn(warning)
